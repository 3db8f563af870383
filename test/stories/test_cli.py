"""The command line against a running shop: what each verb says, to people and to programs."""
import array
import fcntl
import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import termios
import time

import pytest

import harness

ESCAPE = "\x1b"
PS_FIELDS = ["service", "instance", "state", "pid", "reaper_pid", "uid", "uptime_ns", "restarts",
             "cpu_ns", "cpu_limit_milli", "memory_bytes", "memory_limit_bytes", "tasks",
             "tasks_limit", "kind", "last_exit", "walls_missing"]
TWIN_PROTO = """
syntax = "proto3";
package twins.SIDE.v1;
service TwinService {
  rpc Tell(TellRequest) returns (TellResponse);
}
message TellRequest {}
message TellResponse { string side = 1; }
"""
TWIN_C = """
#include "SIDE.atoll.h"
static int tell(struct atoll_call *call, const struct twins_SIDE_v1_TellRequest *in,
                struct twins_SIDE_v1_TellResponse *out)
{
    (void)call;
    (void)in;
    out->side = (struct atoll_str)ATOLL_STR("SIDE");
    return ATOLL_OK;
}
int main(void)
{
    return twins_SIDE_v1_TwinService_serve(
        &(struct twins_SIDE_v1_TwinService){.tell = tell});
}
"""


def test_ps_is_a_table_for_people_and_an_array_with_fixed_fields_for_programs(shop):
    text = shop.atoll("ps", check=0).stdout
    assert ESCAPE not in text
    assert text.splitlines()[0].split()[:4] == ["SERVICE", "INSTANCE", "STATE", "PID"]
    rows = json.loads(shop.atoll("ps", "-o", "json", check=0).stdout)
    assert [list(row) for row in rows] == [PS_FIELDS] * len(rows)
    assert {row["instance"] for row in rows if row["service"] == "cart"} == {"cart.1", "cart.2"}
    assert all(row["state"] == "ready" and row["pid"] > 0 for row in rows)
    lines = shop.atoll("ps", "-o", "jsonl", "cart", check=0).stdout.splitlines()
    assert [json.loads(line)["instance"] for line in lines] == ["cart.1", "cart.2"]


def test_ps_of_an_unknown_name_says_what_was_meant(shop):
    done = shop.atoll("ps", "carr", check=4)
    assert 'did you mean "cart"?' in done.stderr and done.stdout == ""


def test_status_of_a_service_is_a_page(shop):
    text = shop.atoll("status", "cart", check=0).stdout
    for part in ("cart - ready (2 of 2 ready)", "shop.cart.v1.CartService", "Uses:", "cart.1:",
                 "cart.2:", "pid"):
        assert part in text, text
    told = json.loads(shop.atoll("status", "cart", "-o", "json", check=0).stdout)
    assert len(told["instances"]) == 2
    assert {edge["to"] for edge in told["edges"] if edge["from"] == "cart"} >= {"product", "stock"}
    shop.atoll("status", "nobody", check=4)


def test_status_of_the_system_names_its_processes(shop):
    told = json.loads(shop.atoll("status", "-o", "json", check=0).stdout)
    assert told["system"] == shop.name and told["state"] == "ready"
    assert harness.alive(told["anchor_pid"]) and harness.alive(told["supervisor_pid"])


@pytest.mark.parametrize("name", ["stock.GetItem", "GetItem", "stockservice/getitem",
                                  "shop.stock.v1.StockService/GetItem"])
def test_call_takes_every_name_that_is_unique(shop, name):
    done = shop.atoll("call", name, '{"itemId": 1}', check=0)
    assert json.loads(done.stdout)["price"] > 0


def test_call_reads_its_request_from_a_file_or_stdin(shop):
    path = shop.write("request.json", '{"itemId": 1}')
    assert json.loads(shop.atoll("call", "stock.GetItem", "@" + path, check=0).stdout)
    done = subprocess.run([harness.ATOLL, "call", "stock.GetItem", "-"], cwd=shop.dir, env=shop.env,
                          input='{"itemId": 1}', capture_output=True, text=True, timeout=30,
                          check=True)
    assert json.loads(done.stdout)["price"] > 0
    assert "No such file" in shop.atoll("call", "stock.GetItem", "@nothing", check=2).stderr


def test_a_call_that_fails_exits_with_its_status_and_says_why(shop):
    done = shop.atoll("call", "stock.GetItem", '{"itemId": 999999}', check=64 + 5)
    assert done.stderr.startswith("atoll call: NOT_FOUND: ") and "999999" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("request_text,says", [
    ('{"itemId":', "no JSON"), ('{"itemId": 3000000000}', "int32"), ('{"itme": 1}', "itme"),
    ('{"itemId": "x"}', "itemId"), ("[]", "GetItemRequest")])
def test_a_request_that_does_not_fit_is_refused_before_it_is_sent(shop, request_text, says):
    assert says in shop.atoll("call", "stock.GetItem", request_text, check=2).stderr


def test_an_unknown_method_lists_the_full_names_that_are_near(shop):
    done = shop.atoll("call", "stock.GetIte", check=4)
    assert "shop.stock.v1.StockService/GetItem" in done.stderr
    names = shop.atoll("call", "--list", check=0).stdout.split()
    assert "shop.stock.v1.StockService/GetItem" in names and len(names) == len(set(names))


def test_a_short_name_that_two_services_have_lists_both_full_names_and_calls_neither(system):
    s = system("twins")
    yaml = f"name: {s.name}\nservices:\n"
    for name in ("left", "right"):
        harness.build_program(s.dir, name, TWIN_C.replace("SIDE", name), {
            f"twins/{name}/v1/{name}.proto": TWIN_PROTO.replace("SIDE", name)})
        yaml += f"  {name}:\n    command: ./{name}\n"
    s.write("atoll.yaml", yaml)
    s.up()
    for short in ("Tell", "tell", "TwinService/Tell"):
        done = s.atoll("call", short, check=4)
        for full in ("twins.left.v1.TwinService/Tell", "twins.right.v1.TwinService/Tell"):
            assert full in done.stderr, (short, done.stderr)
        assert done.stdout == ""
    assert json.loads(s.atoll("call", "right.Tell", check=0).stdout) == {"side": "right"}
    assert json.loads(s.atoll("call", "twins.left.v1.TwinService/Tell",
                              check=0).stdout) == {"side": "left"}


def test_a_bad_header_is_refused(shop):
    assert "KEY:VALUE" in shop.atoll("call", "stock.GetItem", "-H", "nocolon", check=2).stderr
    shop.atoll("call", "stock.GetItem", '{"itemId":1}', "-H", "x-test: a:b", check=0)


def test_logs_are_merged_filtered_and_cut(shop):
    shop.http("GET", "/cart")
    harness.wait_for("the door's line",
                     lambda: "path=/cart" in shop.atoll("logs", "door", check=0).stdout)
    lines = [json.loads(line) for line in
             shop.atoll("logs", "-o", "jsonl", check=0).stdout.splitlines()]
    assert list(lines[0]) == ["time", "service", "instance", "stream", "text", "goes_on"]
    times = [line["time"] for line in lines if line["time"]]
    assert times == sorted(times)
    assert len(shop.atoll("logs", "--tail", "1", check=0).stdout.splitlines()) == 1
    assert shop.atoll("logs", "--since", "2100-01-01", check=0).stdout == ""
    done = shop.atoll("logs", "dor", check=4)
    assert "dor" in done.stderr
    shop.atoll("logs", "--tail", "x", check=2)
    shop.atoll("logs", "--since", "yesterday", check=2)


def test_logs_f_shows_new_lines_as_they_come(shop):
    follow = subprocess.Popen([harness.ATOLL, "logs", "-f", "--tail", "0", "door"], cwd=shop.dir,
                              env=shop.env, stdout=subprocess.PIPE, text=True)
    try:
        marker = f"/products/{os.getpid()}7"
        time.sleep(0.2 * harness.SLOW)
        shop.http("GET", marker)
        ready, _, _ = select.select([follow.stdout], [], [], 5 * harness.SLOW)
        assert ready and marker in follow.stdout.readline()
    finally:
        follow.send_signal(signal.SIGINT)
        assert follow.wait(10) == 130
        follow.stdout.close()


def test_verbs_of_a_system_that_does_not_run_exit_3(system):
    s = system("cli", "services:\n  one:\n    command: [/usr/bin/sleep, inf]\n")
    for verb in (["ps"], ["down"], ["status"], ["logs"]):
        done = s.atoll(*verb, check=3)
        assert "atoll up" in done.stderr
    assert s.atoll("ps", "-o", "json", check=3).stdout == "[]\n"


def test_a_running_system_can_be_stopped_by_name_without_its_files(system):
    yaml = "services:\n  one:\n    command: [/usr/bin/sleep, inf]\n"
    s = system("cli", yaml)
    s.write("atoll.yaml", f"name: {s.name}\n{yaml}")
    s.up()
    s.write("atoll.yaml", "services: {one: [broken")
    assert "one.1" in s.atoll("ps", "-p", s.name, check=0).stdout
    os.unlink(os.path.join(s.dir, "atoll.yaml"))
    s.atoll("down", "-p", s.name, check=0)
    s.atoll("down", "-p", s.name, check=3)


def test_without_a_project_verbs_say_so(system):
    s = system("cli")
    for verb in ("up", "ps", "config"):
        assert "atoll.yaml" in s.atoll(verb, check=2).stderr


def test_init_writes_a_system_that_runs_and_overwrites_nothing(system):
    s = system("cli")
    s.atoll("init", check=0)
    before = open(os.path.join(s.dir, "atoll.yaml"), encoding="utf-8").read()
    assert "is there already" in s.atoll("init", check=1).stderr
    assert open(os.path.join(s.dir, "atoll.yaml"), encoding="utf-8").read() == before
    s.write("atoll.yaml", f"name: {s.name}\n{before}")
    s.up()
    harness.wait_for("a greeting", lambda: "hello" in s.atoll("logs", "hello").stdout)
    s.down()


def test_doctor_works_without_a_system(system):
    s = system("cli")
    told = json.loads(s.atoll("doctor", "-o", "json", check=0).stdout)
    assert {"kernel", "namespaces", "cgroups", "atolld"} <= {fact["name"] for fact in told}
    assert {fact["state"] for fact in told} <= {"ok", "missing", "note"}


@pytest.mark.skipif(harness.SANITIZED, reason="without cgroups memory is held by rlimits, and a"
                    " sanitizer's shadow needs TiB")
def test_doctor_and_up_say_the_same_of_a_wall(system):
    s = system("cli")
    s.write("atoll.yaml", f"name: {s.name}\nservices:\n  one: {{command: [sleep, inf]}}\n")
    s.env["ATOLL_CGROUP"] = "none"
    facts = {f["name"]: f for f in json.loads(s.atoll("doctor", "-o", "json", check=0).stdout)}
    said = s.up().stderr
    for name in ("memory limit", "cpu limit", "pids limit"):
        assert facts[name]["state"] == "missing"
        assert f"wall missing: {facts[name]['text']}\n" in said
    s.down()


def test_help_man_and_completion_know_every_verb(system):
    s = system("cli")
    overview = s.atoll("help", check=0).stdout
    verbs = re.findall(r"^    ([a-z]+) ", overview.partition("Verbs")[2].partition("Flags")[0], re.M)
    assert {"init", "up", "down", "ps", "logs", "status", "call", "config", "schema", "doctor",
            "version", "help"} <= set(verbs)
    man = s.atoll("help", "--man", check=0).stdout
    bash = s.atoll("completion", "bash", check=0).stdout
    for verb in verbs:
        assert f"atoll {verb}" in man and verb in bash
        assert s.atoll(verb, "--help", check=0).stdout == s.atoll("help", verb, check=0).stdout
    assert subprocess.run(["bash", "-n"], input=bash, text=True, check=False).returncode == 0
    assert re.search(r"^ +3 +the system has no logs yet", s.atoll("help", "logs").stdout, re.M)
    assert "listed first" not in s.atoll("help", "up").stdout


def test_the_terminal_gets_colour_and_a_live_table_and_the_pipe_plain_lines(system):
    yaml = "services:\n  one:\n    command: [/usr/bin/sleep, inf]\n"
    s = system("cli", yaml)
    s.write("atoll.yaml", f"name: {s.name}\n{yaml}")
    plain = s.up()
    assert ESCAPE not in plain.stdout + plain.stderr
    assert re.search(r"^one\.1 +ready +\d", plain.stderr, re.M), plain.stderr
    s.down()
    env = {k: v for k, v in s.env.items() if k != "NO_COLOR"}
    pid, fd = pty.fork()
    if pid == 0:
        os.chdir(s.dir)
        os.execve(harness.ATOLL, [harness.ATOLL, "up", "-d"], {**env, "TERM": "xterm"})
    shown = b""
    try:
        while chunk := os.read(fd, 65536):
            shown += chunk
    except OSError:
        pass
    os.waitpid(pid, 0)
    os.close(fd)
    s.look()
    assert b"\x1b[2K" in shown and b"\x1b[32m" in shown, shown
    s.down()


def test_up_with_names_starts_them_and_what_they_need(system):
    yaml = ("services:\n  a:\n    command: [/usr/bin/sleep, inf]\n"
            "  b:\n    command: [/usr/bin/sleep, inf]\n    depends_on: [a]\n"
            "  c:\n    command: [/usr/bin/sleep, inf]\n")
    s = system("cli", yaml)
    s.write("atoll.yaml", f"name: {s.name}\n{yaml}")
    s.up("b")
    assert set(s.instances()) == {"a.1", "b.1"}
    s.down()
    assert "aa" in s.atoll("up", "-d", "aa", check=4).stderr


def test_up_that_takes_too_long_exits_5_and_stops_everything(system):
    s = system("cli")
    s.write("atoll.yaml", f"name: {s.name}\nservices:\n  slow: {{command: sleep inf, contract: slow.pb}}\n")
    s.write("slow.proto", 'syntax = "proto3"; message E {} service Slow { rpc Say(E) returns (E); }')
    subprocess.run(["protoc", "-oslow.pb", "slow.proto"], cwd=s.dir, check=True)
    done = s.atoll("up", "-d", "--timeout", "500ms", check=5)
    assert "not everything was ready in time" in done.stderr and "slow.1" in done.stderr
    s.atoll("ps", check=3)


def test_up_tells_programs_what_happened_as_json(system):
    yaml = "services:\n  one:\n    command: [/usr/bin/sleep, inf]\n"
    s = system("cli", yaml)
    s.write("atoll.yaml", f"name: {s.name}\n{yaml}")
    rows = json.loads(s.up("-o", "json").stdout)
    assert {row["instance"] for row in rows} == {"one.1", "telemetry.1"}
    assert [list(row) for row in rows] == [PS_FIELDS] * len(rows)
    s.down()
    events = [json.loads(line) for line in s.up("-o", "jsonl").stdout.splitlines()]
    told = [(e["instance"], e["state"]) for e in events if e["type"] == "state"]
    assert told.index(("one.1", "starting")) < told.index(("one.1", "ready"))
    s.down()


def test_a_reader_that_goes_away_is_no_failure(system):
    s = system("cli", "services:\n  one:\n    command: [/usr/bin/sleep, inf]\n")
    s.write(".atoll/logs/one.1.log", "2026-01-31T12:00:00.000Z stdout text\n" * 20000)
    done = subprocess.run(f"{harness.ATOLL} logs | head -n 1 >/dev/null; echo ${{PIPESTATUS[0]}}",
                          shell=True, executable="/bin/bash", cwd=s.dir, env=s.env,
                          capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.strip() == "0", done.stderr
    full = subprocess.run(f"{harness.ATOLL} logs >/dev/full", shell=True, cwd=s.dir, env=s.env,
                          capture_output=True, text=True, timeout=30, check=False)
    assert full.returncode == 1 and "No space left" in full.stderr


def test_ps_onto_a_full_disk_says_so(shop):
    full = subprocess.run(f"{harness.ATOLL} ps >/dev/full", shell=True, cwd=shop.dir, env=shop.env,
                          capture_output=True, text=True, timeout=30, check=False)
    assert full.returncode == 1 and "stdout: No space left on device" in full.stderr, full.stderr


def test_ps_q_prints_the_pids_of_what_was_named_and_nothing_else(shop):
    rows = shop.instances()
    assert shop.atoll("ps", "-q", "cart.1", check=0).stdout == f"{rows['cart.1']['pid']}\n"
    both = [f"{rows[name]['pid']}" for name in ("cart.1", "cart.2")]
    assert shop.atoll("ps", "-q", "cart", check=0).stdout.split() == both
    assert shop.atoll("ps", "-q", "carr", check=4).stdout == ""


def verb_table(s):
    return [verb["name"] for verb in json.loads(s.atoll("help", "-o", "json", check=0).stdout)["verbs"]]


# What a verb needs to do something, by its name; every verb of the table has a line here.
LINES = {
    "init": [["init"], ["init"], ["init", "--list"], ["init", "new/deep/er"]],
    "up": [["up", "-d"], ["up", "-d"], ["up", "nobody"]],
    "ps": [["ps"], ["ps", "-q"], ["ps", "nobody"]],
    "status": [["status"], ["status", "job"], ["status", "nobody"]],
    "logs": [["logs"], ["logs", "--tail", "1"], ["logs", "nobody"], ["logs", "-f"]],
    "call": [["call"], ["call", "--list"], ["call", "stock.Nothing"], ["call", "a", "b", "c"]],
    "bench": [["bench"], ["bench", "stock.Nothing"], ["bench", "stock.Nothing", "-c", "0"]],
    "locks": [["locks"], ["locks", "nobody"]],
    "config": [["config"], ["config", "--check"], ["config", "--services"], ["config", "-q"]],
    "proto": [["proto"], ["proto", "check"], ["proto", "check", "--list"], ["proto", "check", "no/such"],
              ["proto", "diff"], ["proto", "diff", "no.pb", "no.pb"], ["proto", "bogus"],
              ["proto", "describe"], ["proto", "decode"], ["proto", "encode", "Nothing"]],
    "openapi": [["openapi"], ["openapi", "nobody"]],
    "schema": [["schema"], ["schema", "--man"]],
    "doctor": [["doctor"]],
    "completion": [["completion", "bash"], ["completion"], ["completion", "csh"]],
    "version": [["version"]],
    "help": [["help"], ["help", "up"], ["help", "--man"], ["help", "bogus"]],
    "down": [["down"], ["down"]],
}


def test_every_verb_speaks_json_whether_it_works_or_fails(system):
    s = system("cli")
    verbs = verb_table(s)
    assert sorted(verbs) == sorted(LINES)

    def parse(*args):
        done = s.atoll(*args, "-o", "json")
        try:
            told = json.loads(done.stdout)
        except ValueError:
            raise AssertionError(f"{args}: {done.stdout!r} {done.stderr}") from None
        if done.returncode != 0 and isinstance(told, dict):
            error = told["error"]
            assert error["exit_code"] == done.returncode and error["code"] and error["message"], told
            assert error["message"] in done.stderr and error["problems"], told
        return told, done.returncode

    for verb in verbs:  # without a project
        if verb != "init":
            parse(verb)
        parse(verb, "--help")
        parse(verb, "--no-such-flag")
    s.write("atoll.yaml", "services:\n  one: {commnad: x}\n  two: {command: [sleep, inf], uses: [thre]}\n")
    mistakes, code = parse("config")
    assert code == 2 and [m["line"] for m in mistakes] and mistakes == parse("config", "--check")[0]
    told, code = parse("up")
    assert code == 2 and told["error"]["code"] == "usage" and told["error"]["problems"][0]["line"] == 2
    os.unlink(os.path.join(s.dir, "atoll.yaml"))
    told, _ = parse("init")
    assert told["files"] == ["atoll.yaml"] and told["example"] is None
    s.write("atoll.yaml", f"name: {s.name}\nservices:\n  job: {{command: [sh, -c, 'echo hi; sleep inf']}}\n"
            "  stock: {command: [sleep, inf]}\n")
    order = [verb for verb in verbs if verb != "down"] + ["down"]
    for verb in order:
        for line in LINES[verb]:
            parse(*line)
            s.ps() if s.atoll("ps").returncode == 0 else None


def test_down_and_failures_tell_programs_what_and_why(system):
    s = system("cli")
    s.write("atoll.yaml", f"name: {s.name}\nservices:\n  one: {{command: [sleep, inf]}}\n")
    s.up()
    told = json.loads(s.atoll("down", "-o", "json", check=0).stdout)
    assert told["system"] == s.name and {"one.1", "telemetry.1"} == set(told["stopped"])
    assert told["took_ns"] > 0
    s.write("atoll.yaml", f"name: {s.name}\nservices:\n  one: {{command: [sh, -c, 'echo woe; exit 9']}}\n")
    error = json.loads(s.atoll("up", "-d", "-o", "json", check=6).stdout)["error"]
    assert error["code"] == "not-ready" and "one.1" in error["message"]
    assert {"one.1: exited with code 9", "one.1 wrote: woe"} <= {p["message"] for p in error["problems"]}
    lines = s.atoll("up", "-d", "-o", "jsonl", check=6).stdout.splitlines()
    assert json.loads(lines[-1])["error"]["code"] == "not-ready"


def test_a_failed_call_tells_programs_its_status(shop):
    error = json.loads(shop.atoll("call", "stock.GetItem", '{"itemId": 999999}', "-o", "json",
                                  check=64 + 5).stdout)["error"]
    assert error["code"] == "NOT_FOUND" and "999999" in error["message"]
    lines = json.loads(shop.atoll("logs", "stock", "-o", "json", check=0).stdout)
    assert all(line["service"] == "stock" for line in lines)


def test_the_demo_of_a_build_tree_runs_as_it_is(system):
    s = system("cli")
    s.atoll("init", "--demo", "shop", check=0)
    assert os.access(os.path.join(s.dir, "shop", "bin", "cart"), os.X_OK)
    assert not [n for n in os.listdir(os.path.join(s.dir, "shop", "bin")) if "test" in n]
    done = s.atoll("config", "--check", "-f", "shop/atoll.yaml", check=0)
    assert done.stderr == "", done.stderr
    shutil.rmtree(os.path.join(s.dir, "shop", "bin"))
    done = s.atoll("config", "--check", "-f", "shop/atoll.yaml")
    assert "is not there" in done.stderr and "has no contract" not in done.stderr
    for name in s.atoll("init", "--list", check=0).stdout.split():
        s.atoll("init", "--demo", name, f"my-{name}", check=0)


def test_ctrl_c_is_heard_also_when_nobody_reads_the_output(system):
    loud = system("loud", f"""name: loud-{os.getpid()}
services:
  it: {{command: [sh, -c, "while :; do echo {'x' * 200}; done"]}}
""")
    up = subprocess.Popen([loud.atoll_path, "up"], cwd=loud.dir, env=loud.env,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, start_new_session=True)
    try:
        harness.wait_for("the service", lambda: loud.atoll("ps").returncode == 0 and loud.all_ready())
        loud.look()
        pipe = up.stdout.fileno()
        size = fcntl.fcntl(pipe, fcntl.F_GETPIPE_SZ)

        def is_full():
            held = array.array("i", [0])
            fcntl.ioctl(pipe, termios.FIONREAD, held)
            return held[0] > size - 8192

        harness.wait_for("a full pipe", is_full)
        up.send_signal(signal.SIGINT)
        assert up.wait(10 * harness.SLOW) == 0
    finally:
        up.kill()
        up.wait()
        up.stdout.close()
