"""/healthz and /readyz: what a load balancer reads, and what it is told when a service is away."""
import os
import signal

import pytest

import harness
from harness import wait_for


@pytest.fixture(name="mortal")
def a_shop_whose_services_are_not_started_again():
    shop = harness.Shop("mortal")
    text = "services:\n" + "".join(f"  {name}: {{restart: \"no\"}}\n" for name in harness.SERVICES)
    if harness.SANITIZED:
        text = harness.ROOMY.replace("&roomy\n", "&roomy\n    restart: \"no\"\n") + "".join(
            f"  {name}: *roomy\n" for name in harness.SERVICES[1:])
    shop.write("atoll.override.yaml", text)
    shop.up()
    yield shop
    left = shop.close()
    assert not left, left


def kill(shop, *instances, how=signal.SIGKILL):
    rows = shop.ps()
    for name in instances:
        os.kill(rows[name]["pid"], how)
    wait_for("the end to be seen", lambda: all(
        shop.ps()[name]["state"] not in ("ready", "stopping") for name in instances))


def not_ready(shop, port, *names):
    """503 with the names of exactly those services."""
    answer = wait_for(f"503 for {names}", lambda: (
        a := shop.http("GET", "/readyz", port=port)).status == 503 and a)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json["code"] == "UNAVAILABLE" and answer.json["reason"] == "NOT_READY", answer
    said = answer.json["detail"].removeprefix("not ready: ")
    assert sorted(said.replace(",", " ").split()) == sorted(names), answer


def test_a_door_whose_services_are_ready_says_so_and_a_probe_may_only_look(shop):
    for path, state in (("/healthz", "alive"), ("/readyz", "ready")):
        for port in (shop.door, shop.stock_port, shop.payment_port):
            answer = shop.http("GET", path, port=port)
            assert answer.status == 200 and answer.json == {"status": state}, answer
        head = shop.http("HEAD", path)
        assert head.status == 200 and head.body == b""
        assert int(head.headers["content-length"]) == len(answer.body)
        refused = shop.http("POST", path, {})
        assert refused.status == 405 and refused.headers["allow"] == "GET, HEAD", refused


def test_readyz_names_the_services_that_are_away_on_the_ports_that_need_them(mortal):
    kill(mortal, "stock.1")
    not_ready(mortal, mortal.stock_port, "stock")
    for port in (mortal.door, mortal.payment_port):
        assert mortal.http("GET", "/readyz", port=port).json == {"status": "ready"}
    kill(mortal, "cart.1")
    assert mortal.http("GET", "/readyz").status == 200, "a replica of cart still serves"
    kill(mortal, "cart.2", "product.1")
    not_ready(mortal, mortal.door, "cart", "product")
    head = mortal.http("HEAD", "/readyz")
    assert head.status == 503 and head.body == b""
    for port in (mortal.door, mortal.stock_port):
        assert mortal.http("GET", "/healthz", port=port).json == {"status": "alive"}
    refused = mortal.stock("GET", "/stock/1")
    assert refused.status == 503 and "killed by signal 9" in refused.json["detail"], refused


def test_readyz_names_a_service_that_stopped_by_itself(mortal):
    kill(mortal, "payment.1", how=signal.SIGTERM)
    assert mortal.ps()["payment.1"]["state"] == "down", mortal.ps()["payment.1"]
    not_ready(mortal, mortal.payment_port, "payment")
    assert mortal.payment("GET", "/healthz").json == {"status": "alive"}
    assert mortal.http("GET", "/readyz").json == {"status": "ready"}
