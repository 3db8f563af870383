"""shop-traffic has to find what is wrong: books that were falsified are not called right. And what
was promised survives a stop and a start.
"""
import json
import os
import sqlite3
import subprocess

import harness


def run_traffic(shop, *args):
    traffic = shop.traffic(*args)
    out, err = traffic.communicate(timeout=60 * harness.SLOW)
    return traffic.returncode, json.loads(out) if out.startswith("{") else out + err


def falsify(shop, service, sql):
    with sqlite3.connect(os.path.join(shop.state, service, f"{service}.db"), timeout=10) as db:
        assert db.execute(sql).rowcount == 1, sql
    db.close()


def place_an_order(shop, user, item=40):
    shop.http("POST", "/cart", {"itemId": item, "quantity": 1}, x_user_id=user)
    answer = shop.http("POST", "/orders", x_user_id=user)
    assert answer.status == 200, answer
    return answer.json


def test_books_that_were_falsified_are_found_wrong(own_shop):
    order = place_an_order(own_shop, "honest")
    code, said = run_traffic(own_shop, "--duration", "0.5")
    assert code == 0 and said["booksRight"] and said["filesRead"], said
    for service, lie, truth, rule in (
            ("payment", "UPDATE charges SET amount = amount + 1 WHERE key = '{id}'",
             "UPDATE charges SET amount = amount - 1 WHERE key = '{id}'", "charged once"),
            ("order", "UPDATE checkouts SET total = total + 1 WHERE id = '{id}'",
             "UPDATE checkouts SET total = total - 1 WHERE id = '{id}'", "total is that"),
            ("order", "UPDATE checkouts SET state = 8 WHERE id = '{id}'",
             "UPDATE checkouts SET state = 5 WHERE id = '{id}'", "every charge"),
            ("payment", "UPDATE charges SET user = 'somebody' WHERE key = '{id}'",
             "UPDATE charges SET user = 'honest' WHERE key = '{id}'", "belongs to an order"),
            ("stock", "UPDATE items SET available = available + 1 WHERE item_id = 40",
             "UPDATE items SET available = available - 1 WHERE item_id = 40", "what there was"),
            ("stock", "UPDATE reservations SET state = 2 WHERE id = '{id}'",
             "UPDATE reservations SET state = 1 WHERE id = '{id}'", "holds what it sold"),
            ("cart", "DELETE FROM checkouts WHERE id = '{id}'",
             "INSERT INTO checkouts (id) VALUES ('{id}')", "left its cart")):
        falsify(own_shop, service, lie.format(**order))
        code, said = run_traffic(own_shop, "--duration", "0.2")
        assert code == 1 and not said["booksRight"], (lie, said)
        assert any(rule in text for text in said["wrong"]), (lie, said["wrong"])
        falsify(own_shop, service, truth.format(**order))
    code, said = run_traffic(own_shop, "--duration", "0.2")
    assert code == 0, said
    code, said = run_traffic(own_shop, "--duration", "0.2", "--state", "none")
    assert code == 0 and not said["filesRead"], said
    code, said = run_traffic(own_shop, "--duration", "0.2", "--state", own_shop.dir)
    assert code == 1 and "cannot be read" in said["wrong"][0], said


def test_a_shop_that_is_not_there_is_told(own_shop):
    port = harness.free_ports(1)[0]
    done = subprocess.run([os.path.join(harness.SHOP_BIN, "shop-traffic"), "--shop", "nonsense"],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "127.0.0.1:8080" in done.stderr
    done = subprocess.run([os.path.join(harness.SHOP_BIN, "shop-traffic"), "--rate", "much"],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "much" in done.stderr
    assert port and own_shop.all_ready()


def test_the_same_seed_makes_the_same_visit(own_shop):
    counts = []
    for _ in range(2):
        code, said = run_traffic(own_shop, "--duration", "1", "--rate", "40", "--visitors", "1",
                                 "--seed", "11")
        assert code == 0, said
        counts.append([op["done"] + op["refused"] > 0 for op in said["operations"]])
    assert counts[0] == counts[1]


def test_what_was_ordered_and_put_into_carts_is_there_after_a_stop_and_a_start(own_shop):
    order = place_an_order(own_shop, "patient", 41)
    own_shop.http("POST", "/cart", {"itemId": 42, "quantity": 3}, x_user_id="patient")
    left = own_shop.stock("GET", "/stock/41").json
    uids = {name: row["uid"] for name, row in own_shop.instances().items()}
    own_shop.down()
    own_shop.up()
    assert own_shop.http("GET", f"/orders/{order['id']}").json == order
    assert own_shop.http("GET", "/cart", x_user_id="patient").json["items"][0]["quantity"] == 3
    assert own_shop.stock("GET", "/stock/41").json == left
    assert {name: row["uid"] for name, row in own_shop.instances().items()} == uids
