"""The runtime itself dies: kill -9 of the supervisor, and of the anchor, under traffic."""
import json
import os
import signal
import time

import harness
from harness import wait_for


def is_supervisor(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            return b"--supervisor" in f.read().split(b"\0")
    except OSError:
        return False


def anchor_and_supervisor(shop):
    """Their pids, found from above: atolld processes over the reapers of this system."""
    shop.look()
    daemons = [pid for pid in shop.seen
               if harness.alive(pid) and harness.exe_name(pid) == "atolld"]
    supervisors = [pid for pid in daemons if is_supervisor(pid)]
    anchors = [pid for pid in daemons if not is_supervisor(pid)]
    return (anchors[0], supervisors[-1]) if anchors and supervisors else None


def pids(shop):
    return {name: row["pid"] for name, row in shop.ps().items()}


def test_services_and_calls_go_on_while_the_supervisor_is_killed(own_shop):
    before = pids(own_shop)
    anchor, supervisor = wait_for("the daemons", lambda: anchor_and_supervisor(own_shop))
    traffic = own_shop.traffic("--duration", "6", "--rate", "80", "--strict")
    for _ in range(2):
        time.sleep(1.5)
        os.kill(supervisor, signal.SIGKILL)
        gone = supervisor
        anchor_again, supervisor = wait_for("a new supervisor", lambda: (
            found := anchor_and_supervisor(own_shop)) and found[1] != gone and found)
        assert anchor_again == anchor
    out, err = traffic.communicate(timeout=60 * harness.SLOW)
    assert traffic.returncode == 0, f"{out} {err}{own_shop.logs()}"
    assert pids(own_shop) == before, "a process of a service changed"
    assert json.loads(out)["orders"] > 0


def test_the_new_supervisor_has_the_services_and_restarts_them(own_shop):
    before = pids(own_shop)
    _, supervisor = wait_for("the daemons", lambda: anchor_and_supervisor(own_shop))
    os.kill(supervisor, signal.SIGKILL)
    wait_for("ps to answer again", lambda: own_shop.atoll("ps").returncode == 0)
    os.kill(before["stock.1"], signal.SIGKILL)
    wait_for("stock.1 to be back", lambda: own_shop.ps()["stock.1"]["state"] == "ready"
             and own_shop.ps()["stock.1"]["pid"] != before["stock.1"])
    assert own_shop.stock("GET", "/stock/1").status == 200
    after = pids(own_shop)
    del before["stock.1"], after["stock.1"]
    assert after == before


def test_when_the_anchor_dies_the_system_ends_and_can_be_started_again(own_shop):
    own_shop.look()
    anchor, _ = wait_for("the daemons", lambda: anchor_and_supervisor(own_shop))
    own_shop.http("POST", "/cart", {"itemId": 30, "quantity": 1}, x_user_id="survivor")
    os.kill(anchor, signal.SIGKILL)

    def processes():
        return [what for what in own_shop.left_behind() if what.startswith("process")]

    wait_for("every process to end", lambda: not processes(), 5)
    assert own_shop.atoll("ps").returncode == 3
    own_shop.up()
    cart = own_shop.http("GET", "/cart", x_user_id="survivor").json
    assert cart["items"] == [{"itemId": 30, "quantity": 1, "price": cart["items"][0]["price"]}]


def test_checkouts_that_were_under_way_when_everything_died_are_finished_or_undone(own_shop):
    traffic = own_shop.traffic("--duration", "5", "--rate", "150", "--visitors", "16")
    time.sleep(2)
    anchor, _ = wait_for("the daemons", lambda: anchor_and_supervisor(own_shop))
    os.kill(anchor, signal.SIGKILL)
    wait_for("every process to end", lambda: not [
        what for what in own_shop.left_behind() if what.startswith("process")], 5)
    own_shop.up()
    out, err = traffic.communicate(timeout=90 * harness.SLOW)
    assert traffic.returncode == 0, f"{out} {err}{own_shop.logs()}"
    said = json.loads(out)
    assert said["booksRight"] and said["orders"] > 0
