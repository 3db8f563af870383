"""What a contract says with atoll/options.proto holds for whoever calls: a service, the door, and a
person with atoll call. And what comes beside answers, as atoll call shows it.
"""
import json
import time

import pytest

import harness

VAULT = """
syntax = "proto3";
package demo.vault.v1;
import "atoll/options.proto";
service VaultService {
  rpc Peek(PeekRequest) returns (PeekResponse);
  rpc Slow(PeekRequest) returns (PeekResponse) {
    option (atoll.method).timeout = "200ms";
  }
  rpc Small(PeekRequest) returns (PeekResponse) {
    option (atoll.method).max_request_bytes = 20;
  }
  rpc Watch(PeekRequest) returns (stream PeekResponse);
}
message PeekRequest { string name = 1; }
message PeekResponse {
  string name = 1;
  string pin = 2 [(atoll.field).sensitive = true];
}
"""

VAULT_C = """
#include <time.h>
#include "vault.atoll.h"
static int peek(struct atoll_call *call, const struct demo_vault_v1_PeekRequest *in,
                struct demo_vault_v1_PeekResponse *out)
{
    atoll_call_set_initial(call, "seen-by", "vault");
    atoll_call_set_trailer(call, "left", "2");
    atoll_call_add_value(call, ATOLL_TRAILER, "seal-bin", (struct atoll_str)ATOLL_STR("\\1\\2"));
    if (in->name.len == 1) {
        return atoll_fail(call, ATOLL_INVALID_ARGUMENT, "whose?");
    }
    out->name = in->name;
    out->pin = ATOLL_STR("1234");
    return ATOLL_OK;
}
static int slow(struct atoll_call *call, const struct demo_vault_v1_PeekRequest *in,
                struct demo_vault_v1_PeekResponse *out)
{
    struct timespec t = {.tv_nsec = 600000000};
    nanosleep(&t, NULL);
    return peek(call, in, out);
}
static int watch(struct atoll_call *call, const struct demo_vault_v1_PeekRequest *in,
                 struct atoll_stream *out)
{
    struct demo_vault_v1_PeekResponse one = {.name = in->name};
    atoll_call_set_initial(call, "seen-by", "guard");
    atoll_call_set_trailer(call, "left", "0");
    for (size_t i = 0; i < in->name.len; i++) {
        int status = demo_vault_v1_VaultService_watch_server_send(out, &one);
        if (status != ATOLL_OK) {
            return status;
        }
    }
    return ATOLL_OK;
}
int main(void)
{
    return demo_vault_v1_VaultService_serve(&(struct demo_vault_v1_VaultService){
        .peek = peek, .slow = slow, .small = peek, .watch = watch});
}
"""


@pytest.fixture(scope="module")
def vault():
    s = harness.System("vault")
    s.write("atoll.yaml", f"name: {s.name}\nservices:\n  vault:\n    command: ./vault\n")
    harness.build_program(s.dir, "vault", VAULT_C, {"demo/vault/v1/vault.proto": VAULT})
    s.up()
    yield s
    assert not s.close()


def test_what_is_sensitive_is_masked_unless_it_is_asked_for(vault):
    done = vault.atoll("call", "vault.Peek", '{"name":"ann"}', check=0)
    assert json.loads(done.stdout) == {"name": "ann", "pin": "***"}
    done = vault.atoll("call", "--reveal", "vault.Peek", '{"name":"ann"}', check=0)
    assert json.loads(done.stdout) == {"name": "ann", "pin": "1234"}


def test_the_contracts_timeout_counts_when_the_caller_has_none(vault):
    begun = time.monotonic()
    done = vault.atoll("call", "vault.Slow", "{}")
    assert done.returncode == 64 + 4 and "DEADLINE_EXCEEDED" in done.stderr
    assert time.monotonic() - begun < 5
    assert vault.atoll("call", "--timeout", "5s", "vault.Slow", "{}").returncode == 0


def test_a_request_larger_than_the_contract_allows_is_refused(vault):
    assert vault.atoll("call", "vault.Small", json.dumps({"name": "x" * 18})).returncode == 0
    done = vault.atoll("call", "vault.Small", json.dumps({"name": "x" * 19}))
    assert done.returncode == 64 + 8
    assert "the contract of Small allows 20 (max_request_bytes)" in done.stderr


def test_metadata_beside_an_answer_is_shown_when_asked_for(vault):
    done = vault.atoll("call", "-v", "vault.Peek", '{"name":"ann"}', check=0)
    assert done.stderr.splitlines() == ["initial seen-by: vault", "trailer left: 2",
                                        "trailer seal-bin: AQI="]
    assert json.loads(done.stdout)["name"] == "ann"
    done = vault.atoll("call", "-v", "vault.Peek", '{"name":"?"}', check=64 + 3)
    assert "trailer left: 2\n" in done.stderr and "INVALID_ARGUMENT: whose?" in done.stderr
    assert vault.atoll("call", "vault.Peek", '{"name":"ann"}', check=0).stderr == ""
    done = vault.atoll("call", "-v", "vault.Watch", '{"name":"ann"}', check=0)
    assert done.stderr.splitlines() == ["initial seen-by: guard", "trailer left: 0"]
    done = vault.atoll("call", "-v", "vault.Watch", "{}", check=0)
    assert done.stderr.splitlines() == ["initial seen-by: guard", "trailer left: 0"]


def test_replies_of_a_stream_are_lines_or_one_array(vault):
    reply = {"name": "ann", "pin": "***"}
    for how in ((), ("-o", "jsonl")):
        done = vault.atoll("call", *how, "vault.Watch", '{"name":"ann"}', check=0)
        assert [json.loads(line) for line in done.stdout.splitlines()] == [reply] * 3
    done = vault.atoll("call", "-o", "json", "vault.Watch", '{"name":"ann"}', check=0)
    assert json.loads(done.stdout) == [reply] * 3
    assert vault.atoll("call", "-o", "json", "vault.Watch", "{}", check=0).stdout == "[]\n"
