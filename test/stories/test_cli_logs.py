"""What services write reaches the operator, whatever they write and however fast."""
import json
import os
import time

import pytest

import harness


def started(system, script, **more):
    s = system("logs")
    s.write("atoll.yaml", f"name: {s.name}\nservices:\n  talker:\n    command: [python3, talk.py]\n"
            "  other:\n    command: [sh, -c, \"while true; do echo tick; sleep 0.1; done\"]\n")
    s.write("talk.py", "import os, sys, time\n" + script)
    s.up()
    return s


def lines(s, *args):
    out = s.atoll("logs", "-o", "jsonl", *args, check=0).stdout
    return [json.loads(line) for line in out.splitlines()]


def test_both_streams_long_lines_and_binary_bytes_arrive(system):
    s = started(system, "os.write(1, b'out\\n'); os.write(2, b'err\\n')\n"
                "os.write(1, b'\\x1b[2J\\xff\\x00 binary\\n')\n"
                "os.write(1, b'x' * 20000 + b'\\n')\nos.write(1, b'no end')\ntime.sleep(1000)\n")
    told = harness.wait_for("the prompt", lambda: [
        got for got in [lines(s, "talker")] if any(l["text"] == "no end" for l in got)])[0]
    assert {("stdout", "out"), ("stderr", "err")} <= {(l["stream"], l["text"]) for l in told}
    assert any(l["text"] == "\\x1b[2J\\xff\\x00 binary" for l in told)
    pieces = [l for l in told if set(l["text"]) == {"x"}]
    assert sum(len(l["text"]) for l in pieces) == 20000
    assert [l["goes_on"] for l in pieces] == [True] * (len(pieces) - 1) + [False]
    assert [l["goes_on"] for l in told if l["text"] == "no end"] == [True]
    s.down()


@pytest.mark.timed  # a sanitizer build may be too slow to flood anybody
def test_a_flood_neither_blocks_itself_nor_others_and_is_owned_up_to(system):
    s = started(system, "block = b'y' * 99 + b'\\n'\nblock *= 600\nend = time.monotonic() + 2\n"
                "sent = 0\nwhile time.monotonic() < end:\n    sent += os.write(1, block)\n"
                "os.write(2, b'sent %d\\n' % sent)\ntime.sleep(1000)\n")
    told = harness.wait_for("the end of the flood", lambda: [
        l for l in lines(s, "--tail", "200", "talker") if l["text"].startswith("sent")], 20)
    sent = int(told[0]["text"].split()[1])
    assert sent > 1 << 20
    ticks = [l for l in lines(s, "other") if l["text"] == "tick"]
    assert len(ticks) >= 5  # 0.1 s each, for more than 2 s
    if sent > 20 << 20:
        harness.wait_for("the confession", lambda: any(
            l["stream"] == "atoll" and "dropped" in l["text"]
            for l in lines(s, "--tail", "2000", "talker")), 5)
    folder = os.path.join(s.dir, ".atoll", "logs")
    size = sum(os.path.getsize(os.path.join(folder, n)) for n in os.listdir(folder))
    assert size < 60 << 20
    s.down()


def test_logs_stay_after_down_and_go_on_after_the_next_up(system):
    s = started(system, "print('first life', flush=True)\ntime.sleep(1000)\n")
    harness.wait_for("a line", lambda: lines(s, "talker"))
    s.down()
    assert [l["text"] for l in lines(s, "talker")] == ["first life"]
    s.up()
    harness.wait_for("a second line", lambda: len(lines(s, "talker")) == 2)
    s.down()


def test_logs_go_on_when_telemetry_is_killed(system):
    s = started(system, "for i in range(100000):\n    print(i, flush=True)\n    time.sleep(0.02)\n")
    harness.wait_for("a line", lambda: lines(s, "talker"))
    os.kill(s.ps()["telemetry.1"]["pid"], 9)
    harness.wait_for("telemetry to be back", s.all_ready)
    time.sleep(0.3 * harness.SLOW)
    numbers = [int(l["text"]) for l in lines(s, "talker") if l["text"].isdigit()]
    assert numbers == list(range(len(numbers))), "a line was lost"
    s.down()


def test_the_last_words_before_a_crash_are_in_the_log(system):
    s = started(system, "time.sleep(0.5)\nos.write(2, b'about to die')\nos.abort()\n")
    harness.wait_for("last words", lambda: any(l["text"] == "about to die"
                                               for l in lines(s, "talker")))
    s.down()


def test_logs_go_on_when_the_supervisor_is_killed(system):
    s = started(system, "for i in range(100000):\n    print(i, flush=True)\n    time.sleep(0.02)\n")
    harness.wait_for("a line", lambda: lines(s, "talker"))
    told = json.loads(s.atoll("status", "-o", "json", check=0).stdout)
    os.kill(told["supervisor_pid"], 9)
    harness.wait_for("a new supervisor", lambda: s.atoll("ps").returncode == 0 and s.all_ready())
    os.kill(s.ps()["telemetry.1"]["pid"], 9)  # what the new one holds must reach the new telemetry
    harness.wait_for("telemetry to be back", s.all_ready)
    time.sleep(0.3 * harness.SLOW)
    numbers = [int(l["text"]) for l in lines(s, "talker") if l["text"].isdigit()]
    assert len(numbers) > 5 and numbers == list(range(len(numbers))), "a line was lost or came twice"
    s.down()


def test_a_full_file_is_rotated_and_the_logs_show_it_whole(system):
    s = started(system, "for i in range(130000):\n    os.write(1, b'%06d %s\\n' % (i, b'z' * 90))\n"
                "    if i % 1000 == 0:\n        time.sleep(0.03)\ntime.sleep(1000)\n")
    harness.wait_for("the last line", lambda: any(
        l["text"].startswith("129999") for l in lines(s, "--tail", "5", "talker")), 20)
    folder = os.path.join(s.dir, ".atoll", "logs")
    assert os.path.exists(os.path.join(folder, "talker.1.log.1"))
    numbers = [int(l["text"][:6]) for l in lines(s, "talker") if l["stream"] == "stdout"]
    assert numbers == list(range(130000))
    s.down()
