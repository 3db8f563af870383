"""Messages through the door: JSON to protobuf and back, and what is wrong with them said in place."""
import json
import re

import pytest
from door_stage import Door

DEFAULTS = {"payload": "", "i32": 0, "i64": "0", "u32": 0, "u64": "0", "flag": False,
            "kind": "KIND_UNSPECIFIED", "tags": [], "raw": "", "number": 0}


@pytest.fixture(scope="module")
def door():
    it = Door()
    yield it
    assert it.stop() == 0


def bad(answer, words, field=None, line=None):
    assert answer.status == 400, answer
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json
    assert problem["code"] == "INVALID_ARGUMENT"
    assert words in problem["detail"], problem
    if field is not None:
        assert problem["errors"][0]["field"] == field, problem
    if line is not None:
        assert problem["errors"][0]["line"] == line, problem
        assert problem["errors"][0]["column"] > 0


def test_fields_without_presence_are_printed_even_when_empty(door):
    assert door.post("/echo", "{}").json == DEFAULTS
    assert door.post("/echo", "").json == DEFAULTS


def test_an_answer_carries_its_ids(door):
    answer = door.get("/echo/a", "X-Request-Id: mine-1\r\ntraceparent: "
                                 "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n")
    assert answer.headers["x-request-id"] == "mine-1"
    assert answer.headers["traceparent"].startswith("00-4bf92f3577b34da6a3ce929d0e0e4736-")
    answer = door.get("/echo/a", "X-Request-Id: " + "x" * 129 + "\r\ntraceparent: nonsense\r\n")
    assert re.fullmatch("[0-9a-f]{32}", answer.headers["x-request-id"])
    assert re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-01", answer.headers["traceparent"])


@pytest.mark.parametrize("body, words, line", [
    ('{"payload":', "", 1), ('{"payload" "x"}', "", 1), ("{'payload':'x'}", "", 1),
    ('{"payload":"x",}', "", 1), ('{"payload":"x"} x', "", 1), ('\n\n{"i32": 01}', "", 3),
    ('{"i32": +1}', "", 1), ('{"i32": NaN}', "", 1), ('{"payload":"a\nb"}', "", 1),
    ('{"payload":"\\ud800"}', "", 1), ('{"payload":"\\x41"}', "", 1), ("nonsense", "", 1),
    (b'{"payload":"\xc0\xaf"}', "", 1), (b'{"payload":"\xff"}', "", 1), (b'{"payload":"\0"}', "", 1),
    (b'\xef\xbb\xbf{"payload":"x"}', "", 1), ("[" * 1000, "", 1), ('{"part":' * 500, "", 1),
    ('{"payload":"x","payload":"y"}', "", None), ("[]", "", None), ("null", "", None), ('"x"', "", None),
])
def test_malformed_json_is_refused_with_its_place(door, body, words, line):
    bad(door.post("/echo", body), words, line=line)


@pytest.mark.parametrize("query, words", [
    ("i32=2&i32=3", "i32"), ("i32=2&i32=3", "more than once"), ("=1", "a parameter without a name"),
])
def test_a_query_has_one_reading_or_none(door, query, words):
    answer = door.get("/echo?" + query)
    assert answer.status == 400
    assert words in answer.body.decode(), answer


@pytest.mark.parametrize("name", ["X-User-Id", "Idempotency-Key"])
def test_a_header_that_says_who_asks_comes_once(door, name):
    answer = door.get("/echo/a", f"{name}: a\r\n{name.lower()}: b\r\n")
    assert answer.status == 400
    assert answer.json["detail"] == f"the {name} header is given more than once"


def test_a_million_brackets_cost_nothing(door):
    bad(door.post("/echo", "[" * 1_000_000), "")
    bad(door.post("/echo", '{"part":{"parts":[' * 100_000), "")


def test_nesting_below_the_limit_passes(door):
    nested = '{"part":' + '{"parts":[' * 30 + "{}" + "]}" * 30 + "}"
    assert door.post("/echo", nested).status == 200


@pytest.mark.parametrize("body, field, words", [
    ('{"part":{"quantitty":"x"}}', "part.quantitty", 'did you mean "quantity"'),
    ('{"i32":"x"}', "i32", "i32"), ('{"i32":true}', "i32", "i32"), ('{"i32":1.5}', "i32", "i32"),
    ('{"i32":[1]}', "i32", "i32"), ('{"i32":{}}', "i32", "i32"),
    ('{"i32":2147483648}', "i32", "int32"), ('{"i32":-2147483649}', "i32", "int32"),
    ('{"i32":1e400}', "i32", "i32"), ('{"u32":-1}', "u32", "u32"), ('{"u32":4294967296}', "u32", "uint32"),
    ('{"i64":9223372036854775808}', "i64", "int64"), ('{"i64":"-9223372036854775809"}', "i64", "int64"),
    ('{"u64":18446744073709551616}', "u64", "uint64"), ('{"flag":"true"}', "flag", "flag"),
    ('{"flag":1}', "flag", "flag"), ('{"payload":1}', "payload", "payload"),
    ('{"kind":"KIND_TWO"}', "kind", "KIND"), ('{"tags":"x"}', "tags", "tags"),
    ('{"tags":["a",1]}', "tags[1]", "tags[1]"), ('{"part":[]}', "part", "part"),
    ('{"part":{"parts":[{"quantity":"x"}]}}', "part.parts[0].quantity", "quantity"),
    ('{"raw":"!!"}', "raw", "raw"), ('{"number":1e999}', "number", "number"),
])
def test_a_value_that_does_not_fit_is_refused_with_its_field(door, body, field, words):
    bad(door.post("/echo", body), words, field=field)


def test_a_field_that_does_not_exist_is_refused_with_its_place_and_what_was_meant(door):
    bad(door.post("/echo", '{"i32":1,\n "payloda":"x"}'), 'did you mean "payload"',
        field="payloda", line=2)


@pytest.mark.parametrize("body", [
    {"i32": 2147483647}, {"i32": -2147483648}, {"u32": 4294967295},
    {"i64": "9223372036854775807"}, {"i64": "-9223372036854775808"},
    {"u64": "18446744073709551615"}, {"payload": "\u0000 \U0001f600 é"},
])
def test_limits_themselves_pass(door, body):
    assert door.post("/echo", json.dumps(body)).status == 200


@pytest.mark.parametrize("target, field", [
    ("/echo?i32=x", "i32"), ("/echo?i32=2147483648", "i32"), ("/echo?nope=1", "nope"),
    ("/echo?part=x", "part"), ("/echo?part.quantity=x", "part.quantity"), ("/echo?flag=maybe", "flag"),
    ("/echo/a?payload=b", "payload"), ("/echo?i64=99999999999999999999", "i64"),
])
def test_query_fields_are_judged_like_the_body(door, target, field):
    bad(door.get(target), "", field=field)


def test_a_field_is_said_once(door):
    bad(door.post("/echo?i32=1", "{}"), "body", field="i32")
    answer = door.exchange("PUT /parts/7?part.quantity=1 HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}")
    bad(answer, "body", field="part.quantity")
    bad(door.exchange("GET /echo/a HTTP/1.1\r\nHost: h\r\nContent-Length: 15\r\n\r\n"
                      '{"payload":"x"}'), "body")


def test_a_field_of_the_message_can_be_the_body(door):
    answer = door.exchange("PUT /parts/7 HTTP/1.1\r\nHost: h\r\nContent-Length: 14\r\n\r\n"
                           '{"quantity":3}')
    assert answer.status == 200, answer


def test_verbs_of_a_template_are_told_apart(door):
    answer = door.exchange("POST /echo/x:shout HTTP/1.1\r\nHost: h\r\n\r\n")
    assert answer.json["payload"] == "x"
    assert door.get("/echo/x:shout").json["payload"] == "x:shout"


def test_a_method_without_a_rule_is_reached_by_its_name(door):
    answer = door.post("/test.door.v1.EchoService/Numbers", '{"payload":"n"}')
    assert answer.json["payload"] == "n"
    answer = door.post("/test.door.v1.EchoService/Numbers", b"\x0a\x02pb",
                       "Content-Type: application/protobuf\r\n")
    assert answer.headers["content-type"] == "application/protobuf"
    assert answer.body == b"\x0a\x02pb"
    bad(door.post("/test.door.v1.EchoService/Numbers", b"\x0a\x7fpb",
                  "Content-Type: application/protobuf\r\n"), "")
    assert door.get("/test.door.v1.EchoService/Numbers").status == 405
    assert door.post("/test.door.v1.EchoService/Nothing", "{}").status == 404


def test_other_verbs_are_refused_and_the_right_ones_named(door):
    answer = door.exchange("DELETE /echo HTTP/1.1\r\nHost: h\r\n\r\n")
    assert answer.status == 405
    assert answer.headers["allow"] == "GET, HEAD, POST"
    assert answer.json["code"] == "UNIMPLEMENTED"
    answer = door.exchange("POST /healthz HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n")
    assert answer.status == 405


@pytest.mark.parametrize("headers", ["Content-Type: multipart/form-data\r\n",
                                     "Content-Type: application/x-protobuf\r\n",
                                     "Content-Encoding: gzip\r\n"])
def test_bodies_that_are_not_json_are_refused(door, headers):
    answer = door.post("/echo", "{}", headers)
    assert answer.status == 415
    assert answer.json["reason"] == "UNSUPPORTED_MEDIA_TYPE"


@pytest.mark.parametrize("code, name, status", [
    (1, "CANCELLED", 499), (2, "UNKNOWN", 500), (3, "INVALID_ARGUMENT", 400),
    (4, "DEADLINE_EXCEEDED", 504), (5, "NOT_FOUND", 404), (6, "ALREADY_EXISTS", 409),
    (7, "PERMISSION_DENIED", 403), (8, "RESOURCE_EXHAUSTED", 429), (9, "FAILED_PRECONDITION", 400),
    (10, "ABORTED", 409), (11, "OUT_OF_RANGE", 400), (12, "UNIMPLEMENTED", 501),
    (13, "INTERNAL", 500), (14, "UNAVAILABLE", 503), (15, "DATA_LOSS", 500),
    (16, "UNAUTHENTICATED", 401),
])
def test_a_failure_says_why_in_both_languages(door, code, name, status):
    answer = door.get(f"/echo/fail:{code}:only%20three%20left")
    assert answer.status == status
    problem = answer.json
    assert problem["code"] == name
    assert problem["status"] == status
    assert problem["detail"] == "only three left"
    assert problem["instance"] == f"/echo/fail:{code}:only three left"
    assert problem["trace_id"] in answer.headers["traceparent"]
    assert problem["title"] and problem["type"] == "about:blank" and problem["reason"] == name


def test_a_failure_without_a_reason_names_who_gave_none(door):
    answer = door.get("/echo/fail:5:")
    assert answer.status == 404
    assert answer.json["detail"] == \
        "test.door.v1.EchoService/Echo answered NOT_FOUND without a reason"


def test_an_answer_that_is_no_message_is_the_services_fault(door):
    answer = door.get("/echo/lie")
    assert answer.status == 500
    assert answer.json["reason"] == "BAD_ANSWER"
    assert "the answer of test.door.v1.EchoService/Echo is not what its contract says" \
        in answer.json["detail"]


def test_a_method_that_streams_is_told_apart_from_one_that_does_not_exist(door):
    for answer in (door.get("/watch"), door.post("/test.door.v1.EchoService/Watch", "{}")):
        assert answer.status == 501
        assert answer.json["reason"] == "STREAMS_NOT_SERVED"


def test_the_contract_says_how_long_a_call_may_take_when_the_caller_does_not(door):
    answer = door.post("/hasty", '{"payload":"sleep:5000"}')
    assert answer.status == 504 and answer.json["code"] == "DEADLINE_EXCEEDED"
    answer = door.post("/hasty", '{"payload":"sleep:400"}', "atoll-timeout: 5s\r\n")
    assert answer.status == 200, answer


def test_a_request_larger_than_the_contract_allows_is_refused(door):
    assert door.post("/hasty", json.dumps({"payload": "x" * 98})).status == 200
    answer = door.post("/hasty", json.dumps({"payload": "x" * 99}))
    assert answer.status == 413 and answer.json["code"] == "RESOURCE_EXHAUSTED"
    assert "max_request_bytes" in answer.json["detail"]


@pytest.mark.parametrize("header", ["atoll-timeout: 100ms", "grpc-timeout: 100m"])
def test_a_client_sets_its_deadline(door, header):
    answer = door.get("/echo/never", header + "\r\n")
    assert answer.status == 504
    assert "deadline" in answer.json["detail"]
    answer = door.get("/echo/a", "atoll-timeout: soon\r\n")
    assert answer.status == 400
    assert answer.json["reason"] == "BAD_TIMEOUT"


def test_headers_reach_the_service_but_not_what_only_the_door_may_say(door):
    def heard(name, headers):
        return door.get("/echo/header:" + name, headers).json["payload"]
    assert heard("x-user-id", "X-User-Id: ann\r\n") == "ann"
    assert heard("idempotency-key", "Idempotency-Key: k-1\r\n") == "k-1"
    assert heard("x-request-id", "X-Request-Id: r-1\r\n") == "r-1"
    for name in ("atoll-caller", "x-forwarded-for", "connection", "host", "x-named"):
        assert heard(name, f"Connection: x-named\r\n{name}: 1\r\n" if name != "host" else "") == "(absent)"


def test_more_headers_than_a_service_takes_are_refused(door):
    answer = door.get("/echo/a", "".join(f"x-{i}: {'v' * 2000}\r\n" for i in range(10)))
    assert answer.status == 431
    assert answer.json["reason"] == "HEADERS_TOO_LARGE"


def test_readyz_lists_every_service_when_asked(door):
    answer = door.get("/readyz?verbose")
    assert answer.status == 200
    assert answer.json == {"status": "ready", "services": [{"name": "echo", "state": "ready"}]}
    assert door.get("/readyz").json == {"status": "ready"}
