"""Whatever goes wrong between two sides, the log names the side that was wrong."""
import os
import socket

import pytest

import harness
from harness import wait_for

# What one side calls bytes, the other calls a string: not every message of the one is one of the other.
GREET = """
syntax = "proto3";
package demo.greet.v1;
service GreetService {{
  rpc Greet(GreetRequest) returns (GreetResponse);
}}
message GreetRequest {{ {request} name = 1; }}
message GreetResponse {{ {reply} text = 1; }}
"""
SERVERS = GREET.format(request="string", reply="bytes")
CALLERS = GREET.format(request="bytes", reply="string")
ASK = """
syntax = "proto3";
package demo.ask.v1;
import "google/api/annotations.proto";
service AskService {
  rpc Ask(AskRequest) returns (AskResponse) {
    option (google.api.http) = {post: "/ask" body: "*"};
  }
}
message AskRequest {
  string name = 1;
  bool spoil_name = 2;
}
message AskResponse { int32 size = 1; }
"""

GREET_C = r"""
#include "greet.atoll.h"
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { TAIL_OFFSET = 256 }; /* of struct at_region, shm/channel.h */

/* Says of each ring that is ours to write that its end is where no end can be. */
static void scribble(void)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[512];

    while (maps != NULL && fgets(line, sizeof(line), maps) != NULL) {
        uintptr_t from;
        uintptr_t to;

        if (strstr(line, "atoll-channel") != NULL && strstr(line, "rw-s") != NULL &&
            sscanf(line, "%lx-%lx", &from, &to) == 2) {
            __atomic_store_n((uint32_t *)(from + TAIL_OFFSET), 0x10000001, __ATOMIC_SEQ_CST);
        }
    }
    if (maps != NULL) {
        fclose(maps);
    }
}

static void *lie(void *arg)
{
    for (int i = 0; i < 500; i++) {
        scribble();
        usleep(200);
    }
    return arg;
}

static int greet(struct atoll_call *call, const struct demo_greet_v1_GreetRequest *in,
                 struct demo_greet_v1_GreetResponse *out)
{
    if (in->name.len == 3 && memcmp(in->name.at, "lie", 3) == 0) {
        pthread_t thread;

        (void)pthread_create(&thread, NULL, lie, NULL);
        (void)pthread_detach(thread);
    }
    if (in->name.len == 5 && memcmp(in->name.at, "spoil", 5) == 0) {
        out->text = atoll_copy(call, "\xff\xfe", 2);
    } else {
        out->text = atoll_printf(call, "hello");
    }
    return ATOLL_OK;
}

int main(void)
{
    return demo_greet_v1_GreetService_serve(
        &(struct demo_greet_v1_GreetService){.greet = greet});
}
"""
ASK_C = r"""
#include "ask.atoll.h"
#include "greet.atoll.h"

static int ask(struct atoll_call *call, const struct demo_ask_v1_AskRequest *in,
               struct demo_ask_v1_AskResponse *out)
{
    struct demo_greet_v1_GreetRequest request = {.name = in->name};
    struct demo_greet_v1_GreetResponse reply = {0};
    int status;

    if (in->spoil_name) {
        request.name = atoll_copy(call, "\xff\xfe", 2);
    }
    status = demo_greet_v1_GreetService_greet(call, &request, &reply);
    if (status != ATOLL_OK) {
        return atoll_fail(call, status, "%s", atoll_call_reason(call));
    }
    out->size = (int)reply.text.len;
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
    - {{address: "127.0.0.1:{port}", services: [ask]}}
"""


@pytest.fixture(name="pair", scope="module")
def two_services_that_were_built_from_different_contracts():
    s = harness.Shop.__new__(harness.Shop)
    harness.System.__init__(s, "sides")
    s.door = harness.free_ports(1)[0]
    s.write("atoll.yaml", f"name: {s.name}\n" + YAML.format(port=s.door))
    harness.build_program(s.dir, "greet", GREET_C, {"demo/greet/v1/greet.proto": SERVERS})
    harness.build_program(s.dir, "ask", ASK_C, {"demo/greet/v1/greet.proto": CALLERS,
                                                "demo/ask/v1/ask.proto": ASK})
    s.up()
    yield s
    left = s.close()
    assert not left, left


def door_line(s, *words):
    """The line of the door's log that has all these words."""
    return wait_for(f"a line of the door with {words}", lambda: next(
        (line for line in s.atoll("logs", "door", "--no-prefix").stdout.splitlines()
         if all(word in line for word in words)), None))


def test_a_client_that_sends_no_json_is_named_with_the_place(pair):
    for body, why in (('{"name": 7}', 'why="field name: expected string, got a number'),
                      ('{"name": "x",\n "nam": 1}', "nam"),
                      ('{"name":', 'why="line 1, column 9: the text ends too early')):
        answer = pair.http("POST", "/ask", body)
        assert answer.status == 400, answer
        line = door_line(pair, answer.json["trace_id"])
        assert "status=400" in line and "rpc=demo.ask.v1.AskService/Ask" in line, line
        assert why in line, line


def test_a_client_that_speaks_no_http_is_named_with_the_rule_it_broke(pair):
    with socket.create_connection(("127.0.0.1", pair.door), 10) as c:
        c.sendall(b"POST /ask HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n")
        assert c.recv(65536).startswith(b"HTTP/1.1 400 ")
    line = door_line(pair, "status=400", "more than once")
    assert "why=" in line and "level=" in line, line


def test_a_caller_whose_request_cannot_be_read_is_named(pair):
    answer = pair.http("POST", "/ask", {"name": "x", "spoilName": True})
    assert answer.status == 400, answer
    line = door_line(pair, answer.json["trace_id"])
    for words in ("ask.1 sent a request to", "that is no demo.greet.v1.GreetRequest",
                  "the caller is wrong"):
        assert words in line, line


def test_a_server_whose_reply_cannot_be_read_is_named(pair):
    answer = pair.http("POST", "/ask", {"name": "spoil"})
    assert answer.status == 500, answer
    line = door_line(pair, answer.json["trace_id"])
    for words in ("greet.1 sent a reply to", "that is no demo.greet.v1.GreetResponse",
                  "the server is wrong"):
        assert words in line, line


def test_a_peer_that_breaks_the_rules_of_the_channel_is_named_and_no_other(pair):
    assert pair.http("POST", "/ask", {"name": "honest"}).json == {"size": 5}
    before = {name: row["pid"] for name, row in pair.ps().items()}
    pair.http("POST", "/ask", {"name": "lie"})

    def told():
        answers.append(pair.http("POST", "/ask", {"name": "honest"}))
        path = os.path.join(pair.dir, ".atoll", "atolld.log")
        with open(path, encoding="utf-8") as f:
            return [line for line in f if "broke the rules of their channel" in line]

    answers = []
    lines = wait_for("the supervisor to tell of it", told)
    for line in lines:
        assert "instance=ask.1 peer=greet.1 | says that greet.1 broke the rules" in line, line
    for answer in answers:
        if answer.status != 200:
            assert answer.status == 503 and "greet.1" in answer.json["detail"], answer
            assert "greet.1" in door_line(pair, answer.json["trace_id"])
    # The liar is met again on a new channel; the side that was right goes on as it was.
    wait_for("greet to be called again",
             lambda: pair.http("POST", "/ask", {"name": "honest"}).json == {"size": 5})
    after = {name: row["pid"] for name, row in pair.ps().items()}
    for name in ("ask.1", "door.1", "telemetry.1"):
        assert after[name] == before[name], name
