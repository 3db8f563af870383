"""Streams as a person meets them: the example of prices, and atoll call of methods that stream."""
import json
import os
import shutil
import signal
import socket
import struct
import subprocess

import harness
import pytest

PRICES = os.path.join(harness.ROOT, "examples", "prices")


def new_prices(kind="prices"):
    system = harness.System(kind)
    shutil.copy(os.path.join(PRICES, "atoll.yaml"), system.dir)
    os.makedirs(os.path.join(system.dir, "bin"))
    shutil.copy(os.path.join(harness.BUILD, "examples", "prices", "prices"),
                os.path.join(system.dir, "bin"))
    system.env["PRICES_NAME"] = system.name
    if harness.SANITIZED:
        system.write("atoll.override.yaml", harness.ROOMY.replace("product:", "prices:"))
    return system


@pytest.fixture(scope="module", name="prices")
def running_prices():
    system = new_prices()
    try:
        system.up()
        yield system
        system.down()
        left = harness.wait_gone(system)
        assert not left, left
    finally:
        system.close()


def start(system, *args, **more):
    return subprocess.Popen([harness.ATOLL, "call", *args], cwd=system.dir, env=system.env,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)


def upload(system, text, *args):
    return subprocess.run([harness.ATOLL, "call", "prices.Upload", *args], cwd=system.dir,
                          env=system.env, input=text, capture_output=True, text=True,
                          timeout=20 * harness.SLOW, check=False)


def test_uploads_change_prices_and_watchers_see_them_until_ctrl_c(prices):
    done = upload(prices, "", '{"item":"tea","cents":"295"}', '{"item":"rice","cents":"180"}')
    assert (done.returncode, done.stdout) == (0, '{"accepted":2,"changed":2}\n'), done.stderr
    watcher = start(prices, "prices.Watch", '{"item":"tea"}')
    everything = start(prices, "prices.Watch")
    assert watcher.stdout.readline() == '{"item":"tea","cents":"295"}\n'
    assert everything.stdout.readline() == '{"item":"tea","cents":"295"}\n'
    assert everything.stdout.readline() == '{"item":"rice","cents":"180"}\n'
    done = upload(prices, '{"item":"rice","cents":"185"}\n\n{"item":"tea","cents":"300"}')
    assert (done.returncode, done.stdout) == (0, '{"accepted":2,"changed":2}\n'), done.stderr
    assert watcher.stdout.readline() == '{"item":"tea","cents":"300"}\n'
    assert json.loads(everything.stdout.readline())["item"] == "rice"
    for p in (watcher, everything):
        p.send_signal(signal.SIGINT)
        out, err = p.communicate(timeout=10 * harness.SLOW)
        assert (p.returncode, out) == (65, ""), err
        assert "CANCELLED" in err


def test_each_line_is_sent_as_soon_as_it_is_read(prices):
    watcher = start(prices, "prices.Watch", '{"item":"milk"}')
    sender = start(prices, "prices.Upload", stdin=subprocess.PIPE)
    for cents in ("100", "101", "102"):
        sender.stdin.write('{"item":"milk","cents":"%s"}\n' % cents)
        sender.stdin.flush()
        line = watcher.stdout.readline()
        assert line == '{"item":"milk","cents":"%s"}\n' % cents, line or watcher.stderr.read()
    out, err = sender.communicate(timeout=10 * harness.SLOW)
    assert (sender.returncode, out) == (0, '{"accepted":3,"changed":3}\n'), err
    watcher.send_signal(signal.SIGINT)
    watcher.communicate(timeout=10 * harness.SLOW)


def test_what_is_wrong_is_told_with_its_line_and_ends_the_stream(prices):
    done = upload(prices, '{"item":"salt","cents":"90"}\n{"item":7}\n')
    assert done.returncode == 2, done.stderr
    assert "request 2 is no prices.v1.Price" in done.stderr
    done = upload(prices, '{"item":"salt","cents":"-1"}\n')
    assert done.returncode == 64 + 3, done.stderr
    assert "INVALID_ARGUMENT: price 1" in done.stderr
    done = prices.atoll("call", "prices.Watch", "{}", "{}", check=2)
    assert "takes one request" in done.stderr
    done = prices.atoll("bench", "prices.Watch", check=64 + 12)
    assert "atoll bench measures unary methods" in done.stderr
    assert "atoll call prices.Watch\n" in done.stderr
    done = prices.atoll("--timeout", "200ms", "call", "prices.Watch", '{"item":"nothing"}')
    assert done.returncode == 64 + 4, done.stderr
    assert "DEADLINE_EXCEEDED" in done.stderr


def test_watchers_are_told_when_the_service_is_killed(prices):
    watcher = start(prices, "prices.Watch", '{"item":"honey"}')
    assert upload(prices, '{"item":"honey","cents":"650"}').returncode == 0
    assert watcher.stdout.readline() == '{"item":"honey","cents":"650"}\n'
    prices.look()
    os.kill(prices.instances()["prices.1"]["pid"], signal.SIGKILL)
    _, err = watcher.communicate(timeout=10 * harness.SLOW)
    assert watcher.returncode == 64 + 14
    assert "UNAVAILABLE" in err and "prices.1" in err
    harness.wait_for("prices.1 to be back", prices.all_ready)


def test_fifty_watchers_leave_the_operator_room_for_ps_calls_and_down():
    system = new_prices("watched")
    watchers = []
    try:
        system.up()
        assert upload(system, '{"item":"tea","cents":"295"}').returncode == 0
        watchers = [start(system, "prices.Watch", '{"item":"tea"}') for _ in range(50)]
        for watcher in watchers:
            assert watcher.stdout.readline() == '{"item":"tea","cents":"295"}\n'
        assert "prices.1" in system.atoll("ps", check=0).stdout
        done = upload(system, '{"item":"tea","cents":"300"}')
        assert (done.returncode, done.stdout) == (0, '{"accepted":1,"changed":1}\n'), done.stderr
        for watcher in watchers:
            assert watcher.stdout.readline() == '{"item":"tea","cents":"300"}\n'
        system.down()
        for watcher in watchers:
            _, err = watcher.communicate(timeout=10 * harness.SLOW)
            assert watcher.returncode == 64 + 14, err
        left = harness.wait_gone(system)
        assert not left, left
    finally:
        for watcher in watchers:
            watcher.kill()
            watcher.wait()
        system.close()


def operator(system):
    """A connection to the supervisor that has said HELLO and heard WELCOME."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    sock.settimeout(5 * harness.SLOW)
    sock.connect(f"/run/atoll/{system.name}/control.sock")
    sock.send(struct.pack("<HHIII", 65, 0, 1, 1, 4) + b"test")
    assert struct.unpack("<H", sock.recv(65536)[:2]) == (66,)
    return sock


def watch(sock):
    """What the supervisor says to WATCH."""
    sock.send(struct.pack("<HHQ", 70, 0, 1))
    return sock.recv(65536)


def test_a_full_house_of_operators_is_told_and_has_places_where_none_may_watch(prices):
    guests = []
    try:
        guests = [operator(prices) for _ in range(64)]
        assert b"prices.1" in watch(guests[-1])
        guests.append(operator(prices))
        assert b"65 operators are connected; only 64 may watch" in watch(guests[-1])
        assert prices.all_ready()
        guests += [operator(prices) for _ in range(80 - len(guests))]
        for verb in (("ps",), ("call", "prices.Watch")):
            done = prices.atoll(*verb, check=1)
            assert "80 operators are connected; at most 80." in done.stderr, done.stderr
        guests.pop().close()
        harness.wait_for("a place", lambda: prices.atoll("ps").returncode == 0)
    finally:
        for guest in guests:
            guest.close()
