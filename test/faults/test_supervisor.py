"""Faults of the runtime: its halves die at bad moments, instances stop, crash, and lie."""
import json
import os
import shutil
import signal
import subprocess
import time

import pytest

import harness
from harness import wait_for

NEXT = os.path.join(harness.BUILD, "src", "roles", "supervisor", "atolld-next")
NEXT_SERVICE = os.path.join(harness.BUILD, "src", "libatoll", "libatoll_test_server_next")


def is_supervisor(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            return b"--supervisor" in f.read().split(b"\0")
    except OSError:
        return False


def halves(shop):
    """Pids of anchor and supervisor; None while one is being replaced."""
    try:
        with open(f"/run/atoll/{shop.name}/lock", encoding="ascii") as f:
            anchor = int(f.read().partition(" ")[0])
        with open(f"/proc/{anchor}/task/{anchor}/children", encoding="ascii") as f:
            supervisors = [int(pid) for pid in f.read().split() if is_supervisor(int(pid))]
    except (OSError, ValueError):
        return None
    return (anchor, supervisors[-1]) if supervisors else None


def processes_left(shop):
    return [what for what in shop.left_behind() if what.startswith("process")]


@pytest.mark.root
def test_both_halves_die_at_once_and_nothing_outlives_them_for_long(own_shop):
    anchor, supervisor = wait_for("the daemons", lambda: halves(own_shop))
    own_shop.look()
    os.kill(supervisor, signal.SIGSTOP)  # it shall not see the anchor go
    os.kill(anchor, signal.SIGKILL)
    os.kill(supervisor, signal.SIGKILL)
    wait_for("every service to end by itself", lambda: not processes_left(own_shop), 10)
    own_shop.up()
    assert own_shop.stock("GET", "/stock/1").status == 200


@pytest.mark.root
@pytest.mark.parametrize("delay", [0.0, 0.005, 0.01, 0.02, 0.03, 0.05])
def test_the_supervisor_dies_while_the_system_comes_up(delay):
    shop = harness.Shop("own")
    up = shop.up_foreground()
    try:
        _, supervisor = wait_for("the daemons", lambda: halves(shop), every=0.001)
        time.sleep(delay)
        os.kill(supervisor, signal.SIGKILL)
        wait_for("a new supervisor", lambda: (now := halves(shop)) and now[1] != supervisor)
        wait_for("the shop", lambda: os.path.exists(f"/run/atoll/{shop.name}/control.sock")
                 and shop.atoll("ps").returncode == 0 and shop.all_ready(), 10)
        assert shop.http("POST", "/cart", {"itemId": 1, "quantity": 1}).status == 200
        assert up.poll() is None, "atoll up gave up"
    finally:
        left = shop.close()
    assert not left


@pytest.mark.root
def test_an_instance_that_is_stopped_holds_nobody_up_but_its_callers(own_shop):
    before = own_shop.ps()
    stock = before["stock.1"]["pid"]
    os.kill(stock, signal.SIGSTOP)
    try:
        begin = time.monotonic()
        assert own_shop.http("GET", "/products/1").status == 200
        for _ in range(20):
            own_shop.atoll("ps", check=0)
        assert time.monotonic() - begin < 5 * harness.SLOW
        # Peers come and go: what the supervisor has to tell the stopped one waits in its socket.
        for _ in range(5):
            pid = own_shop.ps()["cart.1"]["pid"]
            os.kill(pid, signal.SIGKILL)
            wait_for("cart.1", lambda p=pid: (row := own_shop.ps()["cart.1"])["pid"] != p
                     and row["state"] == "ready")
    finally:
        os.kill(stock, signal.SIGCONT)
    assert own_shop.stock("GET", "/stock/1").status == 200
    after = own_shop.ps()
    assert after["stock.1"]["pid"] == stock and after["stock.1"]["restarts"] == 0
    assert own_shop.http("POST", "/cart", {"itemId": 1, "quantity": 1}).status == 200


@pytest.mark.root
def test_instance_and_supervisor_die_together_and_the_instance_is_back(own_shop):
    before = own_shop.ps()
    for name in ("stock.1", "cart.2", "door.1", "telemetry.1"):
        _, supervisor = wait_for("the daemons", lambda: halves(own_shop))
        victim = own_shop.ps()[name]["pid"]
        os.kill(supervisor, signal.SIGSTOP)
        os.kill(victim, signal.SIGKILL)
        os.kill(supervisor, signal.SIGKILL)
        wait_for(f"{name} to be back", lambda n=name, v=victim: (
            own_shop.atoll("ps").returncode == 0 and (row := own_shop.ps().get(n))
            and row["state"] == "ready" and row["pid"] != v and row), 10)
    assert own_shop.http("POST", "/cart", {"itemId": 2, "quantity": 1}).status == 200
    after = own_shop.ps()
    for name in ("product.1", "payment.1", "cart.1", "order.1"):
        assert after[name]["pid"] == before[name]["pid"], name


@pytest.mark.root
def test_a_crash_loop_ends_in_failed_with_the_reason_and_hurts_nobody_else(system):
    loop = system("crash", """
name: ${CRASH_NAME}
services:
  sick:
    command: [/bin/sh, -c, "sleep 0.4; exit 7"]
    restart: on-failure:2
  well:
    command: [/bin/sleep, "1000"]
""")
    loop.env["CRASH_NAME"] = loop.name
    loop.up(check=None)
    row = wait_for("sick.1 to be given up on", lambda: (r := loop.ps()["sick.1"])["state"] == "failed"
                   and r)
    assert row["restarts"] == 2, row
    assert "exited with code 7" in str(row)
    assert loop.ps()["well.1"]["restarts"] == 0


@pytest.mark.root
@pytest.mark.timed
def test_a_plain_program_is_restarted_at_once_however_it_ends(system):
    plain = system("plain", """
name: ${PLAIN_NAME}
services:
  one:
    command: [/bin/sleep, "1000"]
    restart: always
""")
    plain.env["PLAIN_NAME"] = plain.name
    plain.up()
    for restarts, how in enumerate((signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV), 1):
        pid = plain.ps()["one.1"]["pid"]
        begin = time.monotonic()
        os.kill(pid, how)
        row = wait_for("one.1", lambda p=pid: (r := plain.ps()["one.1"])["pid"] != p
                       and r["state"] == "ready" and r)
        assert time.monotonic() - begin < 1 * harness.SLOW
        assert row["restarts"] == restarts
    assert plain.down().returncode == 0


@pytest.mark.root
@pytest.mark.skipif(not os.path.exists(NEXT), reason="atolld-next is built with the tests only")
def test_todays_services_under_a_supervisor_of_the_next_version(tmp_path):
    for name in os.listdir(harness.LIBEXEC):
        if name != "atolld":
            os.symlink(os.path.realpath(os.path.join(harness.LIBEXEC, name)), tmp_path / name)
    shutil.copy(NEXT, tmp_path / "atolld")
    shop = harness.Shop("own", ATOLL_LIBEXEC=str(tmp_path))
    try:
        shop.up()
        _, supervisor = wait_for("the daemons", lambda: halves(shop))
        assert shop.http("POST", "/cart", {"itemId": 1, "quantity": 2}).status == 200
        os.kill(supervisor, signal.SIGKILL)
        wait_for("a new supervisor", lambda: shop.atoll("ps").returncode == 0)
        assert shop.http("POST", "/orders").status == 200
    finally:
        left = shop.close()
    assert not left


@pytest.mark.root
@pytest.mark.skipif(not os.path.exists(NEXT_SERVICE), reason="it is built with the tests only")
def test_a_service_of_the_next_version_under_todays_supervisor(system):
    shutil.copy(NEXT_SERVICE, harness.SCRATCH)
    it = system("next", f"""name: next-{os.getpid()}
services:
  alpha:
    command: {os.path.join(harness.SCRATCH, os.path.basename(NEXT_SERVICE))} alpha
    environment: {{ASAN_OPTIONS: "detect_leaks=0"}}
""")
    it.up()
    ask = '{"payload": "aGVsbG8="}'
    assert json.loads(it.atoll("call", "alpha.Echo", ask, check=0).stdout)["payload"] == "aGVsbG8="
    _, supervisor = wait_for("the daemons", lambda: halves(it))
    os.kill(supervisor, signal.SIGKILL)
    wait_for("a new supervisor", lambda: it.atoll("ps").returncode == 0)
    assert json.loads(it.atoll("call", "alpha.Echo", ask, check=0).stdout)["payload"] == "aGVsbG8="


@pytest.mark.root
def test_ten_kills_of_the_supervisor_in_a_row_cost_no_call(own_shop):
    traffic = own_shop.traffic("--duration", "7", "--rate", "60", "--strict")
    for _ in range(10):
        time.sleep(0.55)
        _, supervisor = wait_for("the daemons", lambda: halves(own_shop))
        os.kill(supervisor, signal.SIGKILL)
    try:
        out, err = traffic.communicate(timeout=60 * harness.SLOW)
    except subprocess.TimeoutExpired:
        traffic.kill()
        raise
    assert traffic.returncode == 0, f"{out} {err}"


@pytest.mark.root
def test_the_daemons_log_is_where_no_service_reaches_and_is_never_a_trap(system):
    plain = system("trap", """
name: ${PLAIN_NAME}
services:
  one:
    command: /bin/sleep 1000
""")
    plain.env["PLAIN_NAME"] = plain.name
    own = os.path.join(plain.dir, ".atoll")
    os.mkdir(own)
    log = os.path.join(own, "atolld.log")
    for trap in ("link", "pipe", "long"):
        if os.path.lexists(log):
            os.unlink(log)
        if trap == "link":
            os.symlink("/etc/atoll-must-not-appear", log)
        elif trap == "pipe":
            os.mkfifo(log)
        else:
            with open(log, "wb") as f:
                f.truncate((8 << 20) + 1)
        plain.up()
        assert os.path.isfile(log) and not os.path.islink(log) and os.path.getsize(log) < 8 << 20
        assert os.path.lexists(log + ".1")
        assert plain.down().returncode == 0
    assert not os.path.exists("/etc/atoll-must-not-appear")
