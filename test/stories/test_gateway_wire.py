"""Strangers at the door: what is not HTTP/1.1 to the letter is refused, with its reason."""
import os
import signal
import threading
import time

import pytest
from door_stage import Door


@pytest.fixture(scope="module")
def door():
    it = Door()
    yield it
    assert it.stop() == 0


def refused(door, data, status, words):
    """The answer says why, and the connection ends: nobody knows where the next request begins."""
    with door.connect() as c:
        answer = c.send(data).answer()
        assert answer.status == status, answer
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["connection"] == "close"
        assert answer.json["status"] == status
        assert words in answer.json["detail"], answer
        assert c.is_closed()


HEAD = "POST /echo HTTP/1.1\r\nHost: h\r\n"


def test_a_request_that_was_never_understood_is_found_in_the_log_with_its_sender(tmp_path):
    with open(tmp_path / "log", "w+", encoding="utf-8") as log:
        noted = Door(log=log)
        with noted.connect() as c:
            port = c.socket.getsockname()[1]
            problem = c.send(HEAD + "Content-Length: 104857600\r\n\r\n").answer().json
        assert noted.stop() == 0
        log.seek(0)
        text = log.read()
    assert "\0" not in text
    line = next(line for line in text.splitlines() if " status=413 " in line)
    assert f" trace_id={problem['trace_id']} client=127.0.0.1:{port} " in line


@pytest.mark.parametrize("data, words", [
    (HEAD + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "both"),
    (HEAD + "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n{}", "both"),
    (HEAD + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", "exactly"),
    (HEAD + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", "exactly"),
    (HEAD + "Transfer-Encoding: identity\r\n\r\n", "exactly"),
    (HEAD + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n", "exactly"),
    (HEAD + "Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", "control"),
    (HEAD + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", "blank"),
    (HEAD + "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", "more than once"),
    (HEAD + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}x", "more than once"),
    (HEAD + "Content-Length: +2\r\n\r\n{}", "plain decimal"),
    (HEAD + "Content-Length: 0x2\r\n\r\n{}", "plain decimal"),
    (HEAD + "Content-Length:  2 ,2\r\n\r\n{}", "plain decimal"),
    (HEAD + "Content-Length: -2\r\n\r\n{}", "plain decimal"),
    (HEAD + "Content-Length: 99999999999999999999\r\n\r\n{}", "plain decimal"),
    (HEAD + "A: b\r\n c\r\n\r\n", "folded"),
    (HEAD + ": x\r\n\r\n", "no name"),
    (HEAD + "A b: x\r\n\r\n", "name"),
    (HEAD + "nothing\r\n\r\n", "colon"),
    (HEAD + "A: b\nB: c\r\n\r\n", "LF"),
    (HEAD + "A: b\rB: c\r\n\r\n", "CR"),
    (HEAD + "A: b\0c\r\n\r\n", "NUL"),
    ("GET / HTTP/1.1\nHost: h\n\n", "LF"),
    ("GET / HTTP/1.1\r\n\r\n", "Host"),
    ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "Host"),
    ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "Host"),
    ("GET  / HTTP/1.1\r\nHost: h\r\n\r\n", "target"),
    ("GET / HTTP/1.1 \r\nHost: h\r\n\r\n", "request line"),
    ("GET /\r\n\r\n", "request line"),
    ("GET /#x HTTP/1.1\r\nHost: h\r\n\r\n", "target"),
    ("\x16\x03\x01\x02\x00", "not HTTP"),
])
def test_a_request_that_two_readers_could_read_differently_is_refused(door, data, words):
    refused(door, data.encode("latin-1"), 400, words)


@pytest.mark.parametrize("chunks, words", [
    ("g\r\n", "chunk size"), ("\r\n", "chunk size"), (" 2\r\n{}\r\n0\r\n\r\n", "chunk size"),
    ("0x2\r\n{}\r\n", "chunk size"), ("+2\r\n{}\r\n", "chunk size"), ("2 \r\n{}\r\n", "chunk size"),
    ("00000000000000002\r\n{}", "chunk size"), ("2\n{}\r\n", "chunk size"),
    ("2\r\n{}0\r\n\r\n", "CR LF"), ("2\r\n{}\n0\r\n\r\n", "CR LF"), ("2;a\nb\r\n{}\r\n", "extension"),
    ("2;\0\r\n{}\r\n", "extension"), ("0\r\nA : b\r\n\r\n", "trailer"), ("0\r\n A: b\r\n\r\n", "trailer"),
    ('2;a="b\r\n{}\r\n0\r\n\r\n', "open quote"),
    ("2;" + "x" * 5000 + "\r\n{}\r\n", "extension"),
    (("1;" + "x" * 2000 + "\r\n \r\n") * 20, "outweigh"),
])
def test_odd_chunks_are_refused(door, chunks, words):
    refused(door, HEAD + "Transfer-Encoding: chunked\r\n\r\n" + chunks, 400, words)


@pytest.mark.parametrize("data, status, words", [
    ("GET /" + "a" * 9000 + " HTTP/1.1\r\nHost: h\r\n\r\n", 414, "8192"),
    ("GET / HTTP/1.1\r\nHost: h\r\nA: " + "a" * 40000 + "\r\n\r\n", 431, "32768"),
    ("GET / HTTP/1.1\r\nHost: h\r\n" + "A: b\r\n" * 100 + "\r\n", 431, "100"),
    ("GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505, "HTTP/1.1"),
    ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "HTTP/1.1"),
    (HEAD + "Expect: tea\r\n\r\n", 417, "100-continue"),
    (HEAD + "Content-Length: 104857600\r\n\r\n", 413, "larger"),
    (HEAD + "Transfer-Encoding: chunked\r\n\r\n6400000\r\n", 413, "larger"),
    (HEAD + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n", 413, "larger"),
])
def test_what_is_over_a_limit_is_refused_with_the_limit(door, data, status, words):
    refused(door, data, status, words)


def test_a_body_of_100_mib_is_refused_before_it_is_read_and_the_client_hears_why(door):
    with door.connect() as c:
        c.send(HEAD + "Content-Length: 104857600\r\n\r\n")
        block = b"x" * (1 << 20)
        try:
            for _ in range(100):
                c.send(block)
        except OSError:
            pass
        assert c.answer().status == 413


@pytest.mark.parametrize("target, status, words", [
    ("/echo/%00", 400, "NUL"), ("/echo/%0d%0aX", 400, "control"), ("/echo/a%2Fb", 400, "slash"),
    ("/echo/%c0%ae", 400, "UTF-8"), ("/echo/%e0%80%af", 400, "UTF-8"), ("/echo/%ff", 400, "UTF-8"),
    ("/echo/%zz", 400, "hex"), ("/%2e%2e/echo/a", 400, "root"), ("/../echo/a", 400, "root"),
    ("/echo?payload=%00", 400, "NUL"), ("/echo?payload=%c0%80", 400, "UTF-8"),
    ("*", 400, "neither"), ("h:80", 400, "neither"),
    ("/nothing/here", 404, "/nothing/here"), ("/echo/", 404, "/echo/"), ("/Echo", 404, "/Echo"),
])
def test_a_path_has_one_reading_or_none(door, target, status, words):
    answer = door.get(target)
    assert answer.status == status, answer
    assert words in answer.json["detail"], answer


@pytest.mark.parametrize("target, payload", [
    ("/x/../echo/a", "a"), ("//echo//a", "a"), ("/./echo/a", "a"), ("/%65cho/a", "a"),
    ("/x/%2e%2e/echo/a", "a"), ("/echo/a%20b", "a b"), ("/echo/caf%C3%A9", "café"),
    ("/echo/%252e", "%2e"), ("http://h:80/echo/a", "a"), ("/echo/a;x=1", "a;x=1"),
    ("/files/a/b/c", "a/b/c"), ("/echo?payload=a+b%2B", "a b+"),
])
def test_paths_are_normalised_once(door, target, payload):
    answer = door.get(target)
    assert answer.status == 200, answer
    assert answer.json["payload"] == payload


def test_pipelined_requests_are_answered_in_order(door):
    with door.connect() as c:
        c.send("".join(f"GET /echo/{i} HTTP/1.1\r\nHost: h\r\n\r\n" for i in range(500)))
        assert [c.answer().json["payload"] for _ in range(500)] == [str(i) for i in range(500)]


def test_a_slow_first_answer_holds_back_the_ones_behind_it(door):
    with door.connect() as c:
        c.send("GET /echo/sleep:200 HTTP/1.1\r\nHost: h\r\n\r\nGET /healthz HTTP/1.1\r\nHost: h\r\n\r\n")
        assert c.answer().json["payload"] == "slept"
        assert c.answer().json["status"] == "alive"


def test_what_is_behind_a_refused_request_is_never_read(door):
    with door.connect() as c:
        c.send(HEAD + "Content-Length: 1, 1\r\n\r\nGET /echo/smuggled HTTP/1.1\r\nHost: h\r\n\r\n")
        assert c.answer().status == 400
        with pytest.raises(EOFError):
            c.answer()


def test_connections_are_kept_or_closed_as_the_client_says(door):
    with door.connect() as c:
        for _ in range(3):
            assert c.send("GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n").answer().status == 200
        answer = c.send("GET /healthz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").answer()
        assert answer.headers["connection"] == "close"
        assert c.is_closed()
    with door.connect() as c:
        assert c.send("GET /healthz HTTP/1.0\r\n\r\n").answer().status == 200
        assert c.is_closed()
    with door.connect() as c:
        answer = c.send("GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").answer()
        assert answer.headers["connection"] == "keep-alive"
        assert c.send("GET /healthz HTTP/1.0\r\n\r\n").answer().status == 200


def test_head_says_the_same_without_the_body(door):
    with door.connect() as c:
        full = c.send("GET /echo/abc HTTP/1.1\r\nHost: h\r\n\r\n").answer()
        head = c.send("HEAD /echo/abc HTTP/1.1\r\nHost: h\r\n\r\n").answer(to_head=True)
        again = c.send("GET /echo/abc HTTP/1.1\r\nHost: h\r\n\r\n").answer()
    assert head.status == 200
    assert head.headers["content-length"] == full.headers["content-length"] == str(len(full.body))
    assert again.body == full.body


def test_chunked_bodies_are_read_however_they_are_cut(door):
    body = "3;x=y\r\n{\"p\r\n9\r\nayload\": \r\nc\r\n\"in chunks\"}\r\n0\r\nTrailer: x\r\n\r\n"
    with door.connect() as c:
        for step in (1, 7, 1000):
            data = HEAD + "Transfer-Encoding: chunked\r\n\r\n" + body
            for at in range(0, len(data), step):
                c.send(data[at:at + step])
            assert c.answer().json["payload"] == "in chunks"


def test_a_large_answer_comes_in_chunks_and_whole(door):
    answer = door.post("/echo", '{"payload":"big:2000000"}')
    assert answer.headers["transfer-encoding"] == "chunked"
    assert answer.json["payload"] == "x" * 2000000
    with door.connect() as c:
        c.send("GET /echo/big:200000 HTTP/1.0\r\n\r\n")
        answer = c.answer()
    assert "transfer-encoding" not in answer.headers
    assert len(answer.json["payload"]) == 200000


def test_a_body_near_the_limit_passes_and_one_over_it_does_not(door):
    payload = "y" * (1 << 20)
    assert door.post("/echo", '{"payload":"' + payload + '"}').json["payload"] == payload
    assert door.post("/echo", b" " * (4 << 20)).status == 200
    assert door.post("/echo", b" " * ((4 << 20) + 1)).status == 413


def test_100_continue_is_said_before_the_body_and_only_when_it_is_wanted(door):
    with door.connect() as c:
        c.send(HEAD + "Content-Length: 15\r\nExpect: 100-continue\r\n\r\n")
        assert c.answer().status == 100
        assert c.send('{"payload":"x"}').answer().json["payload"] == "x"
        c.send("POST /nothing HTTP/1.1\r\nHost: h\r\nContent-Length: 15\r\nExpect: 100-continue\r\n\r\n")
        assert c.answer().status == 404
        assert c.is_closed()


def test_a_half_closed_client_is_answered(door):
    with door.connect() as c:
        c.send("GET /echo/a HTTP/1.1\r\nHost: h\r\n\r\nGET /echo/b HTTP/1.1\r\nHost: h\r\n\r\n").half_close()
        assert c.answer().json["payload"] == "a"
        assert c.answer().json["payload"] == "b"
        assert c.is_closed()
    with door.connect() as c:
        c.send("GET /echo/sleep:300 HTTP/1.1\r\nHost: h\r\n\r\n").half_close()
        assert c.answer().json["payload"] == "slept"


@pytest.mark.parametrize("data, words", [
    ("GET /echo/a HTTP/1.1\r\nHo", "headers"),
    (HEAD + "Content-Length: 10\r\n\r\n{", "body"),
    (HEAD + "Transfer-Encoding: chunked\r\n\r\n5\r\n{", "body"),
])
def test_a_request_cut_short_is_told(door, data, words):
    with door.connect() as c:
        answer = c.send(data).half_close().answer()
        assert answer.status == 400
        assert words in answer.json["detail"]
        assert c.is_closed()


def cancels(door):
    return int(door.get("/echo/cancels").json["payload"])


def test_a_call_is_cancelled_when_its_client_is_gone(door):
    before = cancels(door)
    with door.connect() as c:
        c.socket.setsockopt(1, 13, b"\1\0\0\0\0\0\0\0")  # SO_LINGER: close with a reset
        c.send("GET /echo/never HTTP/1.1\r\nHost: h\r\n\r\n")
        time.sleep(0.2)
    deadline = time.monotonic() + 2
    while cancels(door) == before:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    with door.connect() as c:  # closed without a reset: cannot be told from half-closed at once
        c.send("GET /echo/never HTTP/1.1\r\nHost: h\r\n\r\n")
        time.sleep(0.2)
    deadline = time.monotonic() + 5
    while cancels(door) == before + 1:
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture(name="hasty", scope="module")
def a_door_that_gives_a_body_2_s_and_an_idle_connection_1_s():
    it = Door(program="atoll-gateway-hasty")
    yield it
    assert it.stop() == 0


@pytest.mark.timed
@pytest.mark.parametrize("head, piece", [
    (HEAD + "Content-Length: 1000\r\n\r\n", " "),
    (HEAD + "Transfer-Encoding: chunked\r\n\r\n", "1\r\n \r\n")])
def test_a_slow_body_ends_after_its_time_however_it_drips(hasty, head, piece):
    with hasty.connect() as c:
        began = time.monotonic()
        c.send(head)
        with pytest.raises(OSError):
            while time.monotonic() - began < 10:
                c.socket.settimeout(0.1)
                try:
                    c._more()
                    c.socket.settimeout(20)
                    answer = c.answer()
                    raise ConnectionResetError
                except TimeoutError:
                    c.send(piece)
        assert 1.9 < time.monotonic() - began < 4
        assert answer.status == 408 and answer.headers["connection"] == "close", answer
        assert answer.json["reason"] == "CLIENT_TOO_SLOW"
        assert "the body did not arrive within 2 s" in answer.json["detail"], answer
        assert c.is_closed()
    assert hasty.get("/echo/a").status == 200


@pytest.mark.timed
def test_an_idle_connection_is_closed_without_a_word_and_one_that_is_used_is_not(hasty):
    request = "GET /echo/a HTTP/1.1\r\nHost: h\r\n\r\n"
    with hasty.connect() as idle, hasty.connect() as used, hasty.connect() as busy:
        for c in (idle, used):
            assert c.send(request).answer().status == 200
        busy.send("GET /echo/sleep:2500 HTTP/1.1\r\nHost: h\r\n\r\n")
        began = time.monotonic()
        for _ in range(6):
            time.sleep(0.5)
            assert used.send(request).answer().status == 200
        assert idle.is_closed(within=0.1), "an idle connection is kept for ever"
        assert busy.answer().json["payload"] == "slept", "a call is no idle time"
        assert time.monotonic() - began > 2.5
        assert used.is_closed(within=3)


@pytest.mark.timed
def test_slow_headers_end_after_their_time_and_others_do_not_feel_them(door):
    slow = [door.connect(timeout=30).send("GET /echo/a HTTP/1.1\r\nA: ") for _ in range(200)]
    stop = threading.Event()

    def drip():
        while not stop.wait(0.5):
            for c in slow:
                try:
                    c.send("a")
                except OSError:
                    pass
    feeder = threading.Thread(target=drip)
    feeder.start()
    try:
        took = []
        for _ in range(200):
            start = time.monotonic()
            assert door.get("/echo/a").status == 200
            took.append(time.monotonic() - start)
        assert sorted(took)[190] < 0.5
        start = time.monotonic()
        answer = slow[0].answer()
        assert answer.status == 408
        assert "10 s" in answer.json["detail"]
        assert time.monotonic() - start < 12
    finally:
        stop.set()
        feeder.join()
        for c in slow:
            c.socket.close()


def rss_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))


def test_a_client_that_never_reads_is_not_read_either(door):
    before = rss_kib(door.gateway_pid())
    with door.connect() as c:
        c.socket.setblocking(False)
        request = b"GET /echo/big:100000 HTTP/1.1\r\nHost: h\r\n\r\n" * 100
        sent = 0
        deadline = time.monotonic() + 3
        while time.monotonic() < deadline and sent < 50_000_000:
            try:
                sent += c.socket.send(request)
            except BlockingIOError:
                time.sleep(0.02)
        assert sent < 20_000_000
        assert rss_kib(door.gateway_pid()) - before < 16 * 1024
    assert door.get("/healthz").status == 200


@pytest.mark.timed
def test_when_descriptors_run_out_the_door_refuses_and_recovers():
    door = Door(files=192)
    try:
        held = []
        for _ in range(400):
            try:
                held.append(door.connect(timeout=1))
            except OSError:
                pass
        before = cpu_ticks(door.gateway_pid())
        time.sleep(1)
        assert cpu_ticks(door.gateway_pid()) - before < 10  # of 100 a second
        for c in held:
            c.socket.close()
        deadline = time.monotonic() + 3
        while True:
            try:
                assert door.get("/echo/a").status == 200
                break
            except (OSError, EOFError):
                assert time.monotonic() < deadline
                time.sleep(0.05)
    finally:
        assert door.stop() == 0


def cpu_ticks(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


def test_a_door_that_stops_finishes_what_it_began():
    door = Door()
    with door.connect() as busy, door.connect() as idle:
        idle.send("GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n").answer()
        busy.send("GET /echo/sleep:400 HTTP/1.1\r\nHost: h\r\n\r\n")
        time.sleep(0.1)
        os.kill(door.gateway_pid(), signal.SIGTERM)
        assert idle.is_closed()
        answer = busy.answer()
        assert answer.json["payload"] == "slept"
        assert answer.headers["connection"] == "close"
    door.process.stdin.close()
    assert door.process.wait(timeout=10) == 0
    door.process.stdout.close()
