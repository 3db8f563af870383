"""The shop when the world around it fails: the bank, the disk, its own files."""
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import threading
import time

import pytest

import harness


@pytest.fixture(name="make")
def shops_of_one_test():
    made = []

    def make(kind, **env):
        made.append(harness.Shop(kind, **env))
        return made[-1]

    yield make
    left = [what for s in made for what in s.close()]
    assert not left, left


def order(shop, user, item=60):
    assert shop.http("POST", "/cart", {"itemId": item, "quantity": 1}, x_user_id=user).status == 200
    return shop.http("POST", "/orders", x_user_id=user)


def books(shop):
    traffic = shop.traffic("--duration", "0.3")
    out, err = traffic.communicate(timeout=60 * harness.SLOW)
    assert out.startswith("{"), err
    return json.loads(out)


@pytest.mark.parametrize("mood,status,says", [("declines", 400, "bank refuses"),
                                              ("down", 503, "bank does not answer")])
def test_a_bank_that_fails_everybody_costs_no_goods_and_no_money(make, mood, status, says):
    shop = make("bank", SHOP_BANK=mood)
    shop.up()
    before = shop.stock("GET", "/stock/60").json
    answer = order(shop, "ann")
    assert answer.status == status and says in answer.json["detail"], answer
    assert shop.stock("GET", "/stock/60").json == before
    assert shop.http("GET", "/cart", x_user_id="ann").json["items"][0]["quantity"] == 1
    # The bank opens again: the same cart can be bought.
    shop.down()
    shop.env["SHOP_BANK"] = "open"
    shop.up()
    assert shop.http("POST", "/orders", x_user_id="ann").status == 200
    said = books(shop)
    assert said["booksRight"], said["wrong"]


@pytest.mark.root
def test_a_full_disk_refuses_and_loses_nothing(make):
    shop = make("disk")
    os.makedirs(shop.state)
    harness.must_run(["mount", "-t", "tmpfs", "-o", "size=4m,mode=755", "shop-disk", shop.state])
    try:
        shop.up()
        placed = order(shop, "early")
        assert placed.status == 200
        ballast = os.path.join(shop.state, "ballast")
        with open(ballast, "wb", buffering=0) as f:
            try:
                while True:
                    f.write(b"x" * 4096)
            except OSError:
                pass
        answers = [order_or_refusal(shop, f"late-{n}") for n in range(40)]
        refused = [a for a in answers if a.status >= 500]
        assert refused, "the disk was not full"
        for answer in refused:
            assert "database" in answer.json["detail"] or "undone" in answer.json["detail"], answer
        os.unlink(ballast)
        harness.wait_for("orders to be placed again",
                         lambda: order_or_refusal(shop, "after").status == 200, 10)
        assert shop.http("GET", f"/orders/{placed.json['id']}").json == placed.json
        said = books(shop)
        assert said["booksRight"], f"{said['wrong']}{shop.logs()}"
        shop.down()
    finally:
        shop.atoll("down")
        subprocess.run(["umount", shop.state], check=True)


def test_one_checkout_sent_many_times_leaves_order_to_the_others(make):
    shop = make("crowd")
    shop.up()
    assert shop.http("POST", "/cart", {"itemId": 60, "quantity": 1}, x_user_id="eager").status == 200
    payment = shop.ps()["payment.1"]["pid"]
    answers = []

    def check_out():
        answers.append(shop.http("POST", "/orders", x_user_id="eager", idempotency_key="1"))

    crowd = [threading.Thread(target=check_out) for _ in range(32)]
    os.kill(payment, signal.SIGSTOP)
    try:
        for one in crowd:
            one.start()
        harness.wait_for("most of them to be turned away", lambda: len(answers) >= 27, 4)
        assert all(a.status == 503 and "under way" in a.json["detail"] for a in answers), answers
        began = time.monotonic()
        for _ in range(4):
            assert shop.http("GET", "/orders/nothing").status == 404
        assert time.monotonic() - began < 1 * harness.SLOW
    finally:
        os.kill(payment, signal.SIGCONT)
    for one in crowd:
        one.join()
    harness.wait_for("the checkout to be done or undone", lambda: shop.http(
        "POST", "/orders", x_user_id="eager", idempotency_key="1").status == 200, 10)
    said = books(shop)
    assert said["booksRight"], said["wrong"]


def test_a_refund_is_made_although_sixteen_checkouts_are_stuck(make):
    """Stuck: orders whose cart cannot be emptied, as cart takes no user ids that long."""
    shop = make("stuck")
    shop.up()
    shop.down()
    with sqlite3.connect(os.path.join(shop.state, "order", "order.db")) as db:
        for n in range(40):
            db.execute("INSERT INTO checkouts (id, user, key, state, total, created_ms, touched_ms,"
                       " payment_id, status, reason) VALUES (?, ?, 'k', 4, 0, 1, 1, '', 0, '')",
                       (f"stuck{n}", f"stuck{n}" + "x" * 80))
        db.execute("INSERT INTO checkouts (id, user, key, state, total, created_ms, touched_ms,"
                   " payment_id, status, reason) VALUES ('owed', 'ann', 'k', 6, 5, 2, 2, '', 14, '')")
    db.close()
    shop.up()
    with sqlite3.connect(os.path.join(shop.state, "order", "order.db"), timeout=10) as db:
        harness.wait_for("the refund", lambda: db.execute(
            "SELECT state FROM checkouts WHERE id = 'owed'").fetchone()[0] == 8)
    db.close()


def order_or_refusal(shop, user):
    added = shop.http("POST", "/cart", {"itemId": 60, "quantity": 1}, x_user_id=user)
    return shop.http("POST", "/orders", x_user_id=user) if added.status == 200 else added


def fail_at_once(shop):
    """The first exit counts: nobody waits for ten more."""
    if not harness.SANITIZED:  # which have an override of their own
        shop.write("atoll.override.yaml", "services:\n" + "".join(
            f"  {name}: {{restart: \"no\"}}\n" for name in ("product", "stock")))


def test_a_file_that_is_no_database_is_named_by_up(make):
    shop = make("broken")
    shop.up()
    shop.down()
    path = os.path.join(shop.state, "stock", "stock.db")
    for tail in ("-wal", "-shm"):
        if os.path.exists(path + tail):
            os.unlink(path + tail)
    with open(path, "r+b") as f:
        f.write(b"this was a database once, and then somebody wrote into it. " * 200)
    fail_at_once(shop)
    done = shop.atoll("up", "-d")
    assert done.returncode == 6, done.stdout + done.stderr
    assert "stock" in done.stderr and "not a database" in done.stderr, done.stderr


def test_a_catalogue_with_a_mistake_is_named_with_its_line(make):
    shop = make("typo")
    with open(os.path.join(shop.dir, "catalogue.csv"), "a", encoding="ascii") as f:
        f.write("541,Typo,kitchen,cheap,1,\n")
    fail_at_once(shop)
    done = shop.atoll("up", "-d")
    assert done.returncode == 6 and "line=542" in done.stderr, done.stderr
    shutil.copy(os.path.join(harness.SHOP, "catalogue.csv"), shop.dir)
    shop.up()
