"""atoll openapi: the document is valid, and the running door does what it says."""
import json
import os
import subprocess

import jsonschema
import pytest

import harness
from door_stage import Door
from openapi_client import Document, send

# What the door answers when a request is not what it serves: then the document was wrong.
NOT_AS_SERVED = {"ROUTE_NOT_FOUND", "METHOD_NOT_ALLOWED", "BAD_MESSAGE", "UNSUPPORTED_MEDIA_TYPE",
                 "STREAMS_NOT_SERVED", "BAD_PATH", "BAD_ANSWER", "MALFORMED_REQUEST"}
PROTO = os.path.join(harness.SHOP, "proto")


def atoll(*args, check=0, cwd=None):
    done = subprocess.run([harness.ATOLL, *args], capture_output=True, text=True, check=False,
                          cwd=cwd, env={**os.environ, "NO_COLOR": "1"}, stdin=subprocess.DEVNULL)
    assert done.returncode == check, f"{args}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done


@pytest.fixture(name="stage", scope="module")
def door_on_a_stage():
    door = Door()
    yield door
    assert door.stop() == 0


def try_all(document, server_of):
    """Calls every operation. Returns the statuses by operationId."""
    seen = {}
    for path, verb, operation in document.operations():
        target, body = document.request(path, operation)
        answer = send(server_of(operation), verb, target, body)
        where = f"{verb} {target} {body} → {answer}"
        try:
            document.check_answer(operation, answer)
        except jsonschema.ValidationError as e:
            raise AssertionError(f"{where}\n{e}") from e
        if answer.status != 200:
            assert json.loads(answer.body)["reason"] not in NOT_AS_SERVED, where
        seen[operation["operationId"]] = answer.status
    return seen


def test_every_operation_of_the_shop_is_served_as_the_document_says(shop):
    document = Document(json.loads(shop.atoll("openapi", check=0).stdout))
    document.check()
    assert document.doc["info"]["title"] == shop.name
    assert [s["url"] for s in document.doc["servers"]] == [f"http://127.0.0.1:{p}" for p in shop.ports]
    seen = try_all(document, lambda operation: operation["servers"][0]["url"])
    assert len(seen) == 27 and list(seen.values()).count(200) >= 14, seen
    assert seen["shop.stock.v1.StockService.GetItem"] == 200
    assert seen["shop.stock.v1.StockService.GetItem.rpc"] == 200
    assert seen["shop.cart.v1.CartService.AddItem"] == 200


def test_every_operation_of_the_stage_is_served_as_the_document_says(stage):
    server = f"http://127.0.0.1:{stage.port}"
    made = atoll("openapi", os.path.join(harness.BUILD, "test", "stage", "stage.set"),
                 "--server", server)
    document = Document(json.loads(made.stdout))
    document.check()
    seen = try_all(document, lambda _: document.doc["servers"][0]["url"])
    assert set(seen.values()) == {200}, seen
    # Paths, verbs and streams that are not in the document say why, and are not served either.
    left_out = {(e["verb"], e["path"]): e["why"] for e in document.doc["x-atoll-left-out"]}
    assert "streams" in left_out["GET", "/watch"]
    assert send(server, "get", "/watch", None).status == 501


def test_what_the_document_does_not_allow_is_refused_with_the_problem_it_describes(stage):
    made = atoll("openapi", os.path.join(harness.BUILD, "test", "stage", "stage.set"))
    document = Document(json.loads(made.stdout))
    server = f"http://127.0.0.1:{stage.port}"
    operation = document.doc["paths"]["/echo"]["get"]
    for target in ("/echo?nothing=1", "/echo?i32=x", "/echo?part.parts=1"):
        answer = send(server, "get", target, None)
        assert answer.status == 400
        document.check_answer(operation, answer)
    operation = document.doc["paths"]["/echo"]["post"]
    for body in ('{"nothing":1}', '{"i32":', '{"kind":"KIND_NONE"}'):
        answer = send(server, "post", "/echo", body)
        assert answer.status == 400 and json.loads(answer.body)["errors"]
        document.check_answer(operation, answer)


def test_the_judge_of_these_tests_is_strict():
    document = Document(json.loads(atoll("openapi", PROTO + "/").stdout))
    item = {"$ref": "#/components/schemas/shop.cart.v1.GetCartResponse"}
    document.judge(item, {"success": True, "items": [{"itemId": 1}]})
    for wrong in ({"more": 1}, {"success": 1}, {"items": {}}, {"items": [{"itemId": "1"}]}, []):
        with pytest.raises(jsonschema.ValidationError):
            document.judge(item, wrong)


def test_comments_of_proto_files_become_descriptions():
    done = atoll("openapi", PROTO + "/")
    document = Document(json.loads(done.stdout))
    document.check()
    add = document.doc["paths"]["/cart"]["post"]
    assert add["description"].startswith("POST /cart {\"itemId\":1,\"quantity\":2}. Checks that stock")
    item = document.doc["components"]["schemas"]["shop.cart.v1.CartItem"]
    assert item["properties"]["price"]["description"] == "Of one piece."
    assert "servers" not in document.doc and "no comments" not in done.stderr


def test_programs_carry_no_comments_and_that_is_said(shop):
    done = shop.atoll("openapi", "bin/cart", check=0)
    assert "description" not in json.loads(done.stdout)["paths"]["/cart"]["post"]
    assert "these contracts carry no comments" in done.stderr
    assert shop.atoll("openapi", "bin/cart", "-q", check=0).stderr == ""


def test_a_document_of_some_services(shop):
    one = json.loads(shop.atoll("openapi", "cart", check=0).stdout)
    assert [t["name"] for t in one["tags"]] == ["shop.cart.v1.CartService"]
    assert one["servers"] == [{"url": f"http://127.0.0.1:{shop.door}"}]
    assert "servers" not in one["paths"]["/cart"]["get"]
    two = json.loads(shop.atoll("openapi", "shop.stock.v1.StockService", "Payment", "--rules-only",
                                "--title", "T", "--api-version", "3", check=0).stdout)
    assert [t["name"] for t in two["tags"]] == ["shop.stock.v1.StockService",
                                                "shop.payment.v1.PaymentService"]
    assert two["info"]["title"] == "T" and two["info"]["version"] == "3"
    assert not [p for p in two["paths"] if "Service/" in p]


def test_what_is_asked_wrongly_is_told(shop, tmp_path):
    done = shop.atoll("openapi", "crat", check=4)
    assert 'there is no service "crat" with a contract; did you mean cart?' in done.stderr
    done = shop.atoll("openapi", "crat", "-o", "json", check=4)
    assert json.loads(done.stdout)["error"]["exit_code"] == 4
    (tmp_path / "x.pb").write_bytes(b"no set")
    done = atoll("openapi", str(tmp_path / "x.pb"), check=2)
    assert f"{tmp_path}/x.pb: " in done.stderr and "protoc --include_imports" in done.stderr
    (tmp_path / "empty.proto").write_text('syntax = "proto3"; package a; message M {}')
    done = atoll("openapi", str(tmp_path / "empty.proto"), check=2)
    assert "there is no service in" in done.stderr
    assert "[SERVICE|PATH...]" in atoll("openapi", "--help").stdout
    assert "rules-only" in atoll("completion", "bash").stdout
