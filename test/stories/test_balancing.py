"""Several instances of a service: who answers under each policy, calls to all of them, and what
`atoll up` says of policies that cannot be. One system for all: each edge has a policy of its own.
"""
import http.client
import json
import os
import shutil
import signal
import threading
import time

import harness
import pytest

LONG = "ATOLL_SOAK" in os.environ

WHO = """syntax = "proto3";
package demo.who.v1;
import "google/api/annotations.proto";
message Key { string id = 1; double weight = 2; }
message WhoRequest { string cart_id = 1; Key key = 2; }
message WhoReply { string instance = 1; }
service WhoService {
  rpc Who(WhoRequest) returns (WhoReply) {
    option (google.api.http) = {get: "/who"};
    option idempotency_level = NO_SIDE_EFFECTS;
  }
  rpc WhoElse(WhoRequest) returns (WhoReply);
}
"""
FRONT = """syntax = "proto3";
package demo.front.v1;
import "google/api/annotations.proto";
import "demo/who/v1/who.proto";
message AskAllRequest { string rule = 1; }
message AskAllReply { string status = 1; string reason = 2; repeated string answers = 3; }
service FrontService {
  rpc Ask(demo.who.v1.WhoRequest) returns (demo.who.v1.WhoReply) {
    option (google.api.http) = {get: "/ask"};
  }
  rpc AskAll(AskAllRequest) returns (AskAllReply) {
    option (google.api.http) = {get: "/all"};
  }
}
"""
WHO_C = r"""
#include "who.atoll.h"
#include <stdlib.h>
static int who(struct atoll_call *call, const struct demo_who_v1_WhoRequest *in,
               struct demo_who_v1_WhoReply *out)
{
    (void)in;
    out->instance = atoll_printf(call, "%s", getenv("ATOLL_INSTANCE"));
    return ATOLL_OK;
}
int main(void)
{
    return demo_who_v1_WhoService_serve(&(struct demo_who_v1_WhoService){.who = who});
}
"""
FRONT_C = r"""
#include "front.atoll.h"
#include <string.h>
static int ask(struct atoll_call *call, const struct demo_who_v1_WhoRequest *in,
               struct demo_who_v1_WhoReply *out)
{
    return demo_who_v1_WhoService_who(call, in, out);
}
static int ask_all(struct atoll_call *call, const struct demo_front_v1_AskAllRequest *in,
                   struct demo_front_v1_AskAllReply *out)
{
    struct demo_who_v1_WhoRequest request = {0};
    struct atoll_many how = {.size = sizeof(how), .rule = ATOLL_MANY_ALL};
    const struct atoll_answers *answers;
    int status;

    if (in->rule.len == 5) {
        how.rule = ATOLL_MANY_FIRST;
    } else if (in->rule.len == 6) {
        how.rule = ATOLL_MANY_QUORUM;
    }
    status = demo_who_v1_WhoService_who_to_many(call, &request, &how);
    answers = atoll_call_answers(call);
    out->status = atoll_printf(call, "%s", atoll_status_name(status));
    out->reason = atoll_printf(call, "%s", atoll_call_reason(call));
    if (answers == NULL) {
        return ATOLL_OK;
    }
    out->answers.at = atoll_alloc(call, answers->count * sizeof(*out->answers.at));
    if (out->answers.at == NULL) {
        return atoll_fail(call, ATOLL_RESOURCE_EXHAUSTED, "no memory");
    }
    for (; out->answers.count < answers->count; out->answers.count++) {
        const struct atoll_answer *a = answers->at[out->answers.count];
        const struct demo_who_v1_WhoReply *reply = a->reply;

        out->answers.at[out->answers.count] =
            atoll_printf(call, "%s %s %.*s", a->instance, atoll_status_name(a->status),
                         reply == NULL ? 0 : (int)reply->instance.len,
                         reply == NULL ? "" : reply->instance.at);
    }
    return ATOLL_OK;
}
int main(void)
{
    return demo_front_v1_FrontService_serve(
        &(struct demo_front_v1_FrontService){.ask = ask, .ask_all = ask_all});
}
"""
YAML = """name: {name}
services:
  who:
    command: ./who
    deploy: {{replicas: 3, weights: [3, 1, 1]}}
  front:
    command: ./front
    uses: [who]
    depends_on: [who]
policies:
  who: {{balance: p2c, slow-start: 10s}}
  "front -> who": {{balance: round-robin, slow-start: 0s}}
  "door -> who": {{balance: {{hash: cart_id}}, slow-start: 0s}}
gateway:
  listen: [{{address: "127.0.0.1:{port}", services: [who, front]}}]
"""


@pytest.fixture(name="crew", scope="module")
def three_instances_and_who_asks_them():
    s = harness.System("crew")
    s.ports = harness.free_ports(1)
    s.write("atoll.yaml", YAML.format(name=s.name, port=s.ports[0]))
    harness.build_program(s.dir, "who", WHO_C, {"demo/who/v1/who.proto": WHO})
    harness.build_program(s.dir, "front", FRONT_C, {"demo/who/v1/who.proto": WHO,
                                                    "demo/front/v1/front.proto": FRONT})
    s.up()
    s.door = http.client.HTTPConnection("127.0.0.1", s.ports[0], timeout=20 * harness.SLOW)
    yield s
    s.door.close()
    assert not s.close()


def get(crew, path):
    crew.door.request("GET", path)
    answer = crew.door.getresponse()
    body = json.loads(answer.read())
    assert answer.status == 200, body
    return body


def all_known(crew):
    """Front has a channel to each instance, and the door too."""
    def known():
        seen = {get(crew, f"/who?cartId=warm{i}")["instance"] for i in range(40)}
        return len(get(crew, "/all").get("answers", [])) == 3 and len(seen) == 3
    harness.wait_for("channels to all", known)


def test_turns_go_by_the_weights(crew):
    all_known(crew)
    names = [get(crew, "/ask")["instance"] for _ in range(20)]
    assert {name: names.count(name) for name in names} == {"who.1": 12, "who.2": 4, "who.3": 4}
    assert "who.1 who.1 who.1 who.1" not in " ".join(names), "turns are spread"


def test_a_field_of_the_request_says_who_answers_and_returns_to_the_restarted_one(crew):
    all_known(crew)
    home = {f"cart-{i}": get(crew, f"/who?cartId=cart-{i}")["instance"] for i in range(100)}
    for cart, instance in home.items():
        assert get(crew, f"/who?cartId={cart}&key.id={instance}")["instance"] == instance
    counts = [list(home.values()).count(f"who.{i}") for i in (1, 2, 3)]
    assert 40 <= counts[0] <= 80 and min(counts) >= 5, counts  # about 60, 20, 20
    victim = crew.instances()["who.1"]
    os.kill(victim["pid"], signal.SIGKILL)
    while_away = {cart: get(crew, f"/who?cartId={cart}")["instance"] for cart in home}
    assert all(while_away[cart] == home[cart] for cart in home if home[cart] != "who.1")
    harness.wait_for("who.1 again", lambda: crew.instances()["who.1"]["pid"] != victim["pid"]
                     and crew.all_ready())
    harness.wait_for("its keys", lambda: all(
        get(crew, f"/who?cartId={cart}")["instance"] == instance for cart, instance in home.items()))


def test_everybody_is_called_while_instances_are_killed(crew):
    all_known(crew)
    stop = threading.Event()
    kills = []

    def kill_now_and_then():
        while not stop.is_set():
            for name, row in crew.instances().items():
                if name == f"who.{1 + len(kills) % 3}" and row["state"] == "ready":
                    os.kill(row["pid"], signal.SIGKILL)
                    kills.append(name)
                    break
            stop.wait(4 if LONG else 0.3)  # an instance may end ten times in half a minute

    thread = threading.Thread(target=kill_now_and_then)
    thread.start()
    answers = 0
    try:
        end = time.monotonic() + (60 if LONG else 1.5)
        while time.monotonic() < end:
            for rule in ("all", "first", "quorum"):
                said = get(crew, f"/all?rule={rule}")
                for line in said.get("answers", []):
                    instance, status, *name = line.split(" ")
                    assert status in ("OK", "UNAVAILABLE", "CANCELLED"), said
                    assert name == ([instance] if status == "OK" else [""]), said
                    answers += status == "OK"
                assert said["status"] in ("OK", "UNAVAILABLE"), said
    finally:
        stop.set()
        thread.join()
    assert len(kills) >= 2 and answers > 100, (kills, answers)
    harness.wait_for("all again", crew.all_ready)
    all_known(crew)
    said = get(crew, "/all")
    assert said["status"] == "OK"
    assert said["answers"] == [f"who.{i} OK who.{i}" for i in (1, 2, 3)]


def test_a_restarted_instance_is_given_little_first(crew, system):
    port = harness.free_ports(1)[0]
    new = system("slow")
    new.write("atoll.yaml", YAML.format(name=new.name, port=port).replace(", weights: [3, 1, 1]", "")
              .replace("round-robin, slow-start: 0s", "round-robin, slow-start: 60s"))
    for program in ("who", "front"):
        shutil.copy(os.path.join(crew.dir, program), new.dir)
    new.ports = [port]
    new.up()
    new.door = http.client.HTTPConnection("127.0.0.1", port, timeout=20 * harness.SLOW)
    all_known(new)
    time.sleep(harness.SLOW)  # ages count as compared with the oldest, which must have one
    asked = [get(new, "/ask")["instance"] for _ in range(90)]
    assert min(asked.count(f"who.{i}") for i in (1, 2, 3)) >= 20, "all are new: nobody is slow"
    victim = new.instances()["who.3"]
    os.kill(victim["pid"], signal.SIGKILL)
    harness.wait_for("who.3 again", lambda: new.instances()["who.3"]["pid"] != victim["pid"]
                     and new.all_ready() and len(get(new, "/all").get("answers", [])) == 3)
    asked = [get(new, "/ask")["instance"] for _ in range(84)]
    assert 1 <= asked.count("who.3") <= 16, asked.count("who.3")  # a tenth of a share is 4
    new.door.close()


@pytest.mark.parametrize("old,new,message,hint", [
    ("hash: cart_id", "hash: cart_ib", "no request to who has a field cart_ib", "did you mean cart_id?"),
    ("hash: cart_id", "hash: zebra", "WhoRequest has no field of that name\n", "are cart_id, key\n"),
    ("hash: cart_id", "hash: key.name", "no request to who has a field key.name", "id"),
    ("hash: cart_id", "hash: key.weight", "can be no key", ""),
    ("hash: cart_id", "hash: key", "can be no key", ""),
    ("replicas: 3", "replicas: 2", "who has 3 weights and 2 instances", "one weight for each"),
    ("front -> who", "back -> who", "there is no service back", "front"),
])
def test_what_cannot_be_is_said_by_atoll_up(crew, old, new, message, hint):
    text = YAML.format(name=crew.name, port=crew.ports[0]).replace(old, new)
    line = 1 + text[:text.index(new)].count("\n")
    crew.write("wrong.yaml", text)
    done = crew.atoll("-f", "wrong.yaml", "up", "-d", check=2)
    assert f"wrong.yaml:{line}:" in done.stderr and message in done.stderr, done.stderr
    assert hint in done.stderr, done.stderr
