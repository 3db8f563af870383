"""What `atoll up` says when it cannot start, and that it then leaves nothing behind."""
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import time

import pytest

import harness

SLEEPER = "services:\n  sleeper:\n    command: [/usr/bin/sleep, inf]\n"


def named(s, text):
    s.write("atoll.yaml", f"name: {s.name}\n{text}")
    return s


def nothing_left(s):
    left = harness.wait_gone(s)
    assert not left, left


def refused(s, code, *says, start=None):
    """up ends with this exit code, says these texts on stderr, and leaves nothing."""
    done = start() if start else s.atoll("up", "-d")
    if done.returncode == 0:
        s.down()
    assert done.returncode == code, f"exit {done.returncode}, not {code}:\n{done.stdout}{done.stderr}"
    for text in says:
        assert text in done.stderr, f"{text!r} is not in:\n{done.stdout}{done.stderr}"
    nothing_left(s)
    return done.stderr


def place_of_error(stderr, words):
    """(line, column) of the one mistake in atoll.yaml that says so."""
    found = [m for m in re.finditer(r"^atoll\.yaml:(\d+):(\d+): (.*)$", stderr, re.M)
             if words in m.group(3) and not m.group(3).startswith("warning:")]
    assert len(found) == 1, stderr
    return int(found[0].group(1)), int(found[0].group(2))


def place_of(s, text):
    """(line, column) of the one place in atoll.yaml where this text stands."""
    with open(os.path.join(s.dir, "atoll.yaml"), encoding="utf-8") as f:
        places = [(n, line.index(text) + 1) for n, line in enumerate(f, 1) if text in line]
    assert len(places) == 1, text
    return places[0]


def test_a_program_that_does_not_exist_is_named_with_its_line(system):
    s = named(system("start"), "services:\n  ghost:\n    command: bin/ghost\n")
    said = refused(s, 6, 'service "ghost": cannot run', os.path.join(s.dir, "bin/ghost"),
                   "No such file or directory", "atoll.yaml:4:14: warning: the program bin/ghost")
    assert place_of_error(said, "bin/ghost") == place_of(s, "bin/ghost")


def test_a_program_that_cannot_be_executed_is_named_with_the_reason(system):
    s = named(system("start"), "services:\n  text:\n    command: bin/text\n    restart: \"no\"\n")
    s.write("bin/text", "just text\n")
    said = refused(s, 6, 'service "text": cannot run', os.path.join(s.dir, "bin/text"),
                   "it is not executable", "chmod +x")
    assert place_of_error(said, "bin/text") == place_of(s, "bin/text")
    os.chmod(os.path.join(s.dir, "bin", "text"), 0o755)
    refused(s, 6, "text.1", os.path.join(s.dir, "bin/text"),
            "neither a program (ELF) nor a script with a #! line")


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


@pytest.mark.timed
def test_what_keeps_ending_before_it_is_ready_is_told_soon_and_once_for_its_replicas(system):
    s = named(system("start"), "services:\n  it:\n    command: [sh, -c, 'echo dying words >&2; exit 3']\n"
              "    deploy: {replicas: 4}\n  well:\n    command: [sleep, inf]\n")
    began = time.monotonic()
    said = refused(s, 6)
    assert time.monotonic() - began < 4 * harness.SLOW, said
    assert "ended 3 times before it was ready" in said
    assert said.count("it.1 … it.4 (4 instances): exited with code 3\n") == 1, said
    assert re.search(r"^The last lines of it\.1:\n    \| dying words(  \(\d times\))?$", said, re.M), said
    assert said.count("The last lines of") == 1, said
    for n in range(1, 5):
        lines = [line for line in said.splitlines() if line.startswith(f"it.{n} ") and "…" not in line
                 and "giving up" not in line]
        assert len(lines) <= 1, said


@pytest.mark.timed
def test_a_start_timeout_is_waited_for_once(system):
    s = named(system("start"), "services:\n  mute:\n    command: [sleep, inf]\n    contract: mute.pb\n"
              "    start_timeout: 1s\n")
    s.write("mute.proto", 'syntax = "proto3"; package m.v1; message E {} service Mute { rpc Say(E) returns (E); }')
    subprocess.run(["protoc", "-omute.pb", "mute.proto"], cwd=s.dir, check=True)
    began = time.monotonic()
    said = refused(s, 6, "mute.1 was not ready in time; giving up", "not ready within 1.0 s")
    assert time.monotonic() - began < 4 * harness.SLOW, said


def test_a_short_job_is_done_and_no_failure(system):
    s = named(system("start"), "services:\n  job:\n    command: [\"true\"]\n    restart: \"no\"\n"
              "  after:\n    command: [sleep, inf]\n    depends_on: [job]\n")
    s.up()
    assert s.ps()["job.1"]["state"] == "down" and s.ps()["after.1"]["state"] == "ready"
    s.down()
    nothing_left(s)


def test_a_killed_anchor_is_a_failure_of_up_with_a_sentence(system):
    s = named(system("start"), SLEEPER)
    up = s.up_foreground()
    harness.wait_for("sleeper to be ready", lambda: s.atoll("ps").returncode == 0 and s.all_ready())
    s.look()
    os.kill(s.daemons()[-1], signal.SIGKILL)
    up.wait(20 * harness.SLOW)
    with open(os.path.join(s.dir, "up.txt"), encoding="utf-8") as f:
        said = f.read()
    assert up.returncode == 1 and "atolld was killed by signal 9" in said, said
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
        said = refused(s, 6, f"cannot listen on 127.0.0.1:{port}",
                       f"held by pid {os.getpid()} (python3)")
        assert place_of_error(said, "cannot listen") == place_of(s, "{address:")
        assert holder.fileno() >= 0


def test_a_second_up_is_refused_and_names_the_first(system):
    s = named(system("start"), SLEEPER)
    s.up()
    first = s.ps()["sleeper.1"]["pid"]
    anchor = json.loads(s.atoll("status", "-o", "json", check=0).stdout)["anchor_pid"]
    done = s.atoll("up", "-d", check=1)
    assert f'system "{s.name}" already runs (atolld pid {anchor}) from {s.dir}' in done.stderr
    assert f"stop it with `atoll -p {s.name} down`" in done.stderr, done.stderr
    assert s.ps()["sleeper.1"]["pid"] == first
    s.down()
    nothing_left(s)


def test_one_folder_runs_one_system_at_a_time(system):
    s = named(system("start"), SLEEPER)
    s.up()
    status = json.loads(s.atoll("status", "-o", "json", check=0).stdout)
    anchor, other = status["anchor_pid"], s.name + "-b"

    def refuses():
        done = s.atoll("-p", other, "up", "-d", check=1)
        assert (f'system "{s.name}" (atolld pid {anchor}) already uses this folder\'s .atoll; one '
                "folder runs one system at a time") in done.stderr, done.stderr
        assert f"stop it with `atoll -p {s.name} down`, or copy the project" in done.stderr
        assert s.atoll("-p", other, "ps").returncode == 3
    refuses()
    os.kill(status["supervisor_pid"], signal.SIGKILL)
    harness.wait_for("the next supervisor", lambda: s.atoll("ps").returncode == 0)
    refuses()
    s.down()
    try:
        s.atoll("-p", other, "up", "-d", check=0)
    finally:
        s.atoll("-p", other, "down")
    nothing_left(s)


def test_a_copy_of_the_project_does_not_take_a_running_system_for_its_own(system):
    s = named(system("start"), SLEEPER)
    s.up()
    home, copy = s.dir, os.path.join(s.dir, "copy")
    os.makedirs(copy)
    shutil.copy(os.path.join(home, "atoll.yaml"), copy)
    warning = f"warning: this {s.name} runs from {home}, not from {copy}"
    s.dir = copy
    try:
        refusal = s.atoll("down", check=1).stderr
        assert (f"{s.name} runs from {home}; stop it there, or name it: atoll -p {s.name} down"
                in refusal), refusal
        assert f") from {home}" in s.atoll("up", "-d", check=1).stderr
        assert warning in s.atoll("ps", check=0).stderr
        status = s.atoll("status", "-o", "json", check=0)
        assert warning in status.stderr and json.loads(status.stdout)["project"] == home
        assert "warning" not in s.atoll("-p", s.name, "ps", check=0).stderr
        s.atoll("-p", s.name, "down", check=0)
    finally:
        s.dir = home
    nothing_left(s)


def run_in(s, unshare, script):
    return lambda: subprocess.run(["unshare", *unshare, "sh", "-c", script, harness.ATOLL],
                                  cwd=s.dir, env=s.env, capture_output=True, text=True,
                                  timeout=60 * harness.SLOW, check=False)


@pytest.mark.root
def test_a_read_only_project_is_told_with_the_file_that_cannot_be_written(system):
    s = named(system("start"), SLEEPER)
    os.makedirs(os.path.join(s.dir, ".atoll", "state"))
    refused(s, 1, os.path.join(s.dir, ".atoll"), "Read-only file system", start=run_in(
        s, ["-m", "--propagation", "private"],
        "mount --bind .atoll .atoll && mount -o remount,ro,bind .atoll && exec \"$0\" up -d"))


@pytest.mark.root
def test_a_read_only_state_directory_is_told_with_its_service_and_place(system):
    s = named(system("start"), SLEEPER)
    os.makedirs(os.path.join(s.dir, ".atoll", "state"))
    said = refused(s, 6, 'service "sleeper"', os.path.join(s.dir, ".atoll/state/sleeper"),
                   "Read-only file system", start=run_in(
                       s, ["-m", "--propagation", "private"],
                       "mount --bind .atoll/state .atoll/state && "
                       "mount -o remount,ro,bind .atoll/state && exec \"$0\" up -d"))
    assert place_of_error(said, ".atoll/state/sleeper")[0] == place_of(s, "sleeper:")[0]


@pytest.mark.root
def test_a_machine_without_user_namespaces_is_told_to_an_ordinary_user(system):
    s = named(system("start"), SLEEPER)
    refused(s, 6, "this machine allows no (more) user namespaces",
            "sysctl user.max_user_namespaces=", "run atoll as root", start=run_in(
                s, ["-U", "--map-user=1000", "--map-group=1000", "--keep-caps"],
                "echo 0 > /proc/sys/user/max_user_namespaces && exec setpriv --inh-caps=-all "
                "--ambient-caps=-all --bounding-set=-all \"$0\" up -d"))


def test_ctrl_c_leaves_nothing_behind(system):
    s = named(system("start"), SLEEPER)
    up = s.up_foreground()
    harness.wait_for("sleeper to be ready", lambda: s.atoll("ps").returncode == 0 and s.all_ready())
    s.look()
    up.send_signal(2)
    assert up.wait(20 * harness.SLOW) in (0, 130)
    nothing_left(s)


def test_ctrl_c_of_the_whole_shop_under_traffic_leaves_nothing_behind():
    """No process, cgroup, mount, socket, port, memory file or run directory: see left_behind()."""
    shop = harness.Shop("ctrlc")
    try:
        up = shop.up_foreground()
        harness.wait_for("the shop", lambda: shop.atoll("ps").returncode == 0 and shop.all_ready(), 10)
        traffic = shop.traffic("--duration", "1", "--rate", "100")
        time.sleep(0.5)
        shop.look()
        # What is looked for can be found while it is there.
        kinds = {what.split()[0] for what in shop.left_behind()}
        assert kinds >= {"process", "socket", "port", "run"}, kinds
        names = {name for name in shop.memory.values() if name.startswith("/memfd:atoll")}
        assert names and len(shop.memory) >= 5, shop.memory
        assert len(shop.seen) >= 2 + 2 * 9, shop.seen
        up.send_signal(2)
        assert up.wait(20 * harness.SLOW) in (0, 130)
        nothing_left(shop)
        assert shop.atoll("ps").returncode == 3
        traffic.kill()  # it would wait for the shop to come back
        traffic.communicate()
    finally:
        left = shop.close()
    assert not left, left


def test_a_closed_terminal_leaves_nothing_behind(system):
    s = named(system("start"), SLEEPER)
    up = s.up_foreground()
    harness.wait_for("sleeper to be ready", lambda: s.atoll("ps").returncode == 0 and s.all_ready())
    s.look()
    up.kill()
    up.wait()
    nothing_left(s)
