"""What `atoll up` says when it cannot start, and that it then leaves nothing behind."""
import os
import shutil
import socket
import subprocess

import pytest

import harness

SLEEPER = "services:\n  sleeper:\n    command: [/usr/bin/sleep, inf]\n"


def named(s, text):
    s.write("atoll.yaml", f"name: {s.name}\n{text}")
    return s


def nothing_left(s):
    left = harness.wait_gone(s)
    assert not left, left


def refused(s, *says, code=None):
    done = s.atoll("up", "-d")
    assert done.returncode != 0, done.stdout + done.stderr
    for text in says:
        assert text in done.stderr, f"{text!r} is not in:\n{done.stdout}{done.stderr}"
    if code is not None:
        assert done.returncode == code, done.stderr
    nothing_left(s)
    return done.stderr


def test_a_program_that_does_not_exist_is_named_with_its_line(system):
    s = named(system("start"), "services:\n  ghost:\n    command: bin/ghost\n")
    refused(s, "bin/ghost", "ghost", "atoll.yaml:")


def test_a_program_that_cannot_be_executed_is_named_with_the_reason(system):
    s = named(system("start"), "services:\n  text:\n    command: bin/text\n")
    s.write("bin/text", "just text\n")
    refused(s, "bin/text")
    os.chmod(os.path.join(s.dir, "bin", "text"), 0o755)
    refused(s, "bin/text")


def test_a_service_that_exits_before_it_is_ready_is_shown_with_its_last_words(system):
    for restart in ("\"no\"", "always"):
        s = named(system("start"), "services:\n  sad:\n    command: ./stock --catalogue none.csv\n"
                  f"    restart: {restart}\n")
        shutil.copy(os.path.join(harness.SHOP_BIN, "stock"), s.dir)
        done = s.atoll("up", "-d", timeout=60)
        assert done.returncode == 6, done.stdout + done.stderr
        assert "sad" in done.stderr, done.stderr
        assert "none.csv" in done.stderr and "No such file" in done.stderr, done.stderr
        nothing_left(s)


def test_a_port_in_use_is_told_with_its_holder(system):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        s = system("start")
        shutil.copy(os.path.join(harness.SHOP_BIN, "payment"), s.dir)
        named(s, "services:\n  payment:\n    command: ./payment\ngateway:\n  listen:\n"
              f"    - {{address: \"127.0.0.1:{port}\", services: [payment]}}\n")
        refused(s, str(port), str(os.getpid()), "python3")


def test_a_second_up_is_refused_and_names_the_first(system):
    s = named(system("start"), SLEEPER)
    s.up()
    first = s.ps()["sleeper.1"]["pid"]
    done = s.atoll("up", "-d")
    assert done.returncode != 0 and "already runs" in done.stderr
    assert any(str(pid) in done.stderr for pid in s.daemons()), done.stderr
    assert s.ps()["sleeper.1"]["pid"] == first
    s.down()
    nothing_left(s)


@pytest.mark.root
def test_a_read_only_state_directory_is_told(system):
    s = named(system("start"), SLEEPER)
    os.makedirs(os.path.join(s.dir, ".atoll", "state"))
    done = subprocess.run(
        ["unshare", "-m", "--propagation", "private", "sh", "-c",
         "mount --bind .atoll .atoll && mount -o remount,ro,bind .atoll && exec \"$0\" up -d",
         harness.ATOLL], cwd=s.dir, env=s.env, capture_output=True, text=True,
        timeout=60 * harness.SLOW, check=False)
    if done.returncode == 0:
        s.down()
    assert done.returncode != 0, done.stdout + done.stderr
    assert ".atoll" in done.stderr and "read-only" in done.stderr.lower(), done.stderr
    nothing_left(s)


@pytest.mark.root
def test_a_machine_without_user_namespaces_is_told_to_an_ordinary_user(system):
    s = named(system("start"), SLEEPER)
    done = subprocess.run(
        ["unshare", "-U", "--map-user=1000", "--map-group=1000", "--keep-caps", "sh", "-c",
         "echo 0 > /proc/sys/user/max_user_namespaces && "
         "exec setpriv --inh-caps=-all --ambient-caps=-all --bounding-set=-all \"$0\" up -d",
         harness.ATOLL], cwd=s.dir, env=s.env, capture_output=True, text=True,
        timeout=60 * harness.SLOW, check=False)
    assert done.returncode != 0, done.stdout + done.stderr
    assert "user namespace" in done.stderr, done.stderr
    nothing_left(s)


def test_ctrl_c_leaves_nothing_behind(system):
    s = named(system("start"), SLEEPER)
    up = s.up_foreground()
    harness.wait_for("sleeper to be ready", lambda: s.atoll("ps").returncode == 0 and s.all_ready())
    s.look()
    up.send_signal(2)
    assert up.wait(20 * harness.SLOW) in (0, 130)
    nothing_left(s)


def test_a_closed_terminal_leaves_nothing_behind(system):
    s = named(system("start"), SLEEPER)
    up = s.up_foreground()
    harness.wait_for("sleeper to be ready", lambda: s.atoll("ps").returncode == 0 and s.all_ready())
    s.look()
    up.kill()
    up.wait()
    nothing_left(s)
