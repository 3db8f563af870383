"""Two sides that were built from different versions of one contract: nothing is lost, and what
cannot be done is refused with the name of the side that lacks it.
"""
import json

import pytest

import harness

GREET = """
syntax = "proto3";
package demo.greet.v1;
import "google/api/annotations.proto";
service GreetService {{
  rpc Greet(GreetRequest) returns (GreetResponse) {{
    option (google.api.http) = {{post: "/greet" body: "*"}};
    option idempotency_level = NO_SIDE_EFFECTS;
  }}
  {more_methods}
}}
message GreetRequest {{
  string name = 1;
  {more_in}
}}
message GreetResponse {{
  string text = 1;
  {more_out}
}}
"""
OLD = GREET.format(more_methods="", more_in="", more_out="")
NEW = GREET.format(more_methods="rpc Shout(GreetRequest) returns (GreetResponse);",
                   more_in="int32 times = 2;", more_out="int32 count = 2;")
ASK = """
syntax = "proto3";
package demo.ask.v1;
service AskService {
  rpc Ask(AskRequest) returns (AskResponse);
}
message AskRequest { string method = 1; }
message AskResponse {
  int32 status = 1;
  string reason = 2;
  string text = 3;
  int32 count = 4;
}
"""

GREET_C = """
#include "greet.atoll.h"
static int greet(struct atoll_call *call, const struct demo_greet_v1_GreetRequest *in,
                 struct demo_greet_v1_GreetResponse *out)
{
    out->text = atoll_printf(call, "hello %.*s", (int)in->name.len, in->name.at);
#ifdef NEW
    out->count = in->times + 1;
#endif
    return ATOLL_OK;
}
int main(void)
{
    return demo_greet_v1_GreetService_serve(
        &(struct demo_greet_v1_GreetService){.greet = greet});
}
"""

ASK_C = """
#include "ask.atoll.h"
#include "greet.atoll.h"
#include <string.h>
static int ask(struct atoll_call *call, const struct demo_ask_v1_AskRequest *in,
               struct demo_ask_v1_AskResponse *out)
{
    struct demo_greet_v1_GreetRequest request = {.name = ATOLL_STR("ann")};
    struct demo_greet_v1_GreetResponse reply = {0};
    (void)in;
#ifdef NEW
    request.times = 2;
    if (in->method.len == 5 && memcmp(in->method.at, "Shout", 5) == 0) {
        out->status = demo_greet_v1_GreetService_shout(call, &request, &reply);
    } else
#endif
    {
        out->status = demo_greet_v1_GreetService_greet(call, &request, &reply);
    }
    if (out->status != ATOLL_OK) {
        const char *reason = atoll_call_reason(call);
        out->reason = atoll_copy(call, reason, strlen(reason));
        return ATOLL_OK;
    }
    out->text = reply.text;
#ifdef NEW
    out->count = reply.count;
#endif
    return ATOLL_OK;
}
int main(void)
{
    return demo_ask_v1_AskService_serve(&(struct demo_ask_v1_AskService){.ask = ask});
}
"""

YAML = """
services:
  greet:
    command: ./greet
  ask:
    command: ./ask
    uses: [greet]
gateway:
  listen:
    - {{address: "127.0.0.1:{port}", services: [ask, greet]}}
"""


def start(kind, server_is_new, client_is_new):
    s = harness.Shop.__new__(harness.Shop)
    harness.System.__init__(s, kind)
    s.door = harness.free_ports(1)[0]
    s.write("atoll.yaml", f"name: {s.name}\n" + YAML.format(port=s.door))
    new = "#define NEW 1\n"
    harness.build_program(s.dir, "greet", (new if server_is_new else "") + GREET_C,
                          {"demo/greet/v1/greet.proto": NEW if server_is_new else OLD})
    harness.build_program(s.dir, "ask", (new if client_is_new else "") + ASK_C,
                          {"demo/greet/v1/greet.proto": NEW if client_is_new else OLD,
                           "demo/ask/v1/ask.proto": ASK})
    s.up()
    return s


def ask(s, method="Greet"):
    answer = s.http("POST", "/demo.ask.v1.AskService/Ask", {"method": method})
    assert answer.status == 200, answer
    return answer.json


@pytest.fixture(name="old_server", scope="module")
def a_new_client_before_an_old_server():
    s = start("oldserver", False, True)
    yield s
    assert not s.close()


@pytest.fixture(name="new_server", scope="module")
def an_old_client_before_a_new_server():
    s = start("newserver", True, False)
    yield s
    assert not s.close()


def test_a_new_client_is_served_by_an_old_server(old_server):
    assert ask(old_server) == {"status": 0, "reason": "", "text": "hello ann", "count": 0}


def test_an_old_client_is_served_by_a_new_server(new_server):
    assert ask(new_server) == {"status": 0, "reason": "", "text": "hello ann", "count": 0}


def test_a_method_the_server_lacks_is_unimplemented_and_says_which_side(old_server):
    said = ask(old_server, "Shout")
    assert said["status"] == 12
    assert "Shout" in said["reason"] and "greet" in said["reason"], said


def test_the_door_knows_the_fields_of_the_server_and_refuses_others_by_name(old_server, new_server):
    body = {"name": "bob", "times": 4}
    assert new_server.http("POST", "/greet", body).json == {"text": "hello bob", "count": 5}
    refused = old_server.http("POST", "/greet", body)
    assert refused.status == 400 and "times" in refused.json["detail"], refused


def test_call_names_the_method_that_is_not_there(old_server, new_server):
    done = new_server.atoll("call", "greet.Greet", '{"name":"eve","times":1}', check=0)
    assert json.loads(done.stdout) == {"text": "hello eve", "count": 2}
    assert old_server.atoll("call", "greet.Shout", "{}", check=4).stderr
    assert new_server.atoll("call", "greet.Shout", "{}").returncode == 64 + 12
