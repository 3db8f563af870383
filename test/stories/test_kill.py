"""kill -9 of a random instance each second under traffic: the books stay right, no other process
changes, the instance serves again within a second, and nothing fails that may be repeated.

Ten seconds; thirty with ATOLL_SOAK=1.
"""
import json
import os
import random
import signal
import threading
import time

import harness
from harness import wait_for

SECONDS = 30 if os.environ.get("ATOLL_SOAK") else 10
BACK_WITHIN_S = 1.0
REPLICAS = 2
# A call that changes nothing, and the status with which the service itself answers it.
PROBES = {"product": ("GET", "/products/1", "door", 200), "cart": ("GET", "/cart", "door", 200),
          "stock": ("GET", "/stock/1", "stock_port", 200),
          "order": ("GET", "/orders/no-such-order", "door", 404),
          "payment": ("POST", "/payment?userId=probe&amount=0", "payment_port", 400)}


def turns(pid):
    """How often the threads of a process went to sleep: an idle one that is called has more."""
    count = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{task}/status", encoding="ascii") as f:
                count += sum(int(line.split()[1]) for line in f if "ctxt_switches" in line)
        except OSError:
            pass
    return count


class Killer(threading.Thread):
    """Kills the process of a random instance each second and watches what changes."""

    def __init__(self, shop, seconds, seed=1):
        super().__init__()
        self.shop, self.seconds, self.dice = shop, seconds, random.Random(seed)
        self.kills, self.wrong, self.slowest = [], [], 0.0

    def run(self):
        try:
            end = time.monotonic() + self.seconds
            while time.monotonic() < end:
                began = time.monotonic()
                self.kill_one()
                time.sleep(max(0.0, 1 - (time.monotonic() - began)))
        except Exception as e:  # pylint: disable=broad-exception-caught
            self.wrong.append(f"{type(e).__name__}: {e}")

    def kill_one(self):
        before = self.shop.ps()
        halves = self.halves()
        name = self.dice.choice(sorted(n for n, row in before.items() if row["kind"] == "service"))
        victim = before[name]["pid"]
        killed_at = time.monotonic()
        os.kill(victim, signal.SIGKILL)
        after = wait_for(f"{name} to be ready again", lambda: self.again(name, victim), 10)
        wait_for(f"a call to reach {name}", lambda: self.serves(name, after[name]["pid"]), 10)
        took = time.monotonic() - killed_at
        self.kills.append(name)
        self.slowest = max(self.slowest, took)
        if took > BACK_WITHIN_S and not harness.SANITIZED:
            self.wrong.append(f"{name} served again only after {took:.2f} s")
        for other, row in before.items():
            for pid in ("pid", "reaper_pid"):
                if other != name and after[other][pid] != row[pid]:
                    self.wrong.append(f"{name} was killed and {pid} of {other} went from {row[pid]} "
                                      f"to {after[other][pid]}: {after[other].get('last_exit')}")
        if (now := self.halves()) != halves:
            self.wrong.append(f"{name} was killed: anchor, supervisor went from {halves} to {now}")

    def halves(self):
        """Pids of anchor and supervisor."""
        told = json.loads(self.shop.atoll("status", "-o", "json", check=0).stdout)
        return told["anchor_pid"], told["supervisor_pid"]

    def again(self, name, victim):
        rows = self.shop.ps()
        row = rows[name]
        return rows if row["state"] == "ready" and row["pid"] not in (None, victim) else None

    def serves(self, name, pid):
        """Calls of its service are answered, and the process worked while they were.

        Replicas take turns, so one call for each reaches all of them.
        """
        method, path, port, status = PROBES[name.partition(".")[0]]
        worked = turns(pid)
        for _ in range(REPLICAS):
            answer = self.shop.http(method, path, port=getattr(self.shop, port))
            assert answer.status == status, f"{name}: {answer}"
        return turns(pid) > worked


def test_kills_each_second_leave_the_books_right_and_nothing_failed_that_may_be_repeated(own_shop):
    traffic = own_shop.traffic("--duration", str(SECONDS + 1), "--rate", "200", "--visitors", "16",
                                "--strict")
    killer = Killer(own_shop, SECONDS)
    killer.start()
    out, err = traffic.communicate(timeout=(SECONDS + 60) * harness.SLOW)
    killer.join()
    assert out, f"shop-traffic: exit {traffic.returncode} {err}{own_shop.logs()}"
    said = json.loads(out)
    assert said["booksRight"], f"{said['wrong']}{own_shop.logs()}"
    assert said["orders"] > 0
    assert not killer.wrong, f"{killer.wrong} after {killer.kills}"
    assert len(killer.kills) >= SECONDS // 2
    assert said["failedRepeatable"] == 0, f"{said['failures']} after {killer.kills}{own_shop.logs()}"
    assert traffic.returncode == 0
    print(f"{len(killer.kills)} kills, back after at most {killer.slowest * 1000:.0f} ms, "
          f"{said['orders']} orders")


def test_without_kills_nothing_at_all_fails(own_shop):
    traffic = own_shop.traffic("--duration", "4", "--rate", "150", "--seed", "7", "--strict")
    out, err = traffic.communicate(timeout=60 * harness.SLOW)
    assert traffic.returncode == 0, f"{out} {err}{own_shop.logs()}"
    said = json.loads(out)
    assert all(op["failed"] == 0 for op in said["operations"]), said
    assert said["orders"] > 5


def test_the_death_of_an_instance_is_told_with_its_reason(own_shop):
    before = own_shop.ps()["cart.1"]
    os.kill(before["pid"], signal.SIGKILL)
    row = wait_for("cart.1 to be back", lambda: (
        r := own_shop.ps()["cart.1"])["state"] == "ready" and r["pid"] != before["pid"] and r)
    assert row["restarts"] == before["restarts"] + 1
    assert "9" in row["last_exit"] or "KILL" in row["last_exit"]


def test_the_books_are_right_even_when_the_door_and_telemetry_are_killed_too(own_shop):
    """Connections to a killed door are reset, which a visitor sees; money and goods are not lost."""
    traffic = own_shop.traffic("--duration", "6", "--rate", "80", "--seed", "3")
    dice = random.Random(3)
    for name in ("door.1", "telemetry.1", "order.1", "door.1", "stock.1"):
        time.sleep(0.8)
        row = own_shop.ps()[name]
        if row["pid"]:
            os.kill(row[dice.choice(("pid", "reaper_pid"))], signal.SIGKILL)
    out, err = traffic.communicate(timeout=60 * harness.SLOW)
    assert traffic.returncode == 0, f"{out} {err}{own_shop.logs()}"
    said = json.loads(out)
    assert said["booksRight"] and said["orders"] > 0
    strange = [text for text in said["failures"] if not any(
        known in text for known in ("reset by peer", "refused", "Broken pipe"))]
    assert not strange, strange
    wait_for("all to be ready", own_shop.all_ready)
