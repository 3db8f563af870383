"""Large messages through a service that may have 16 MiB of memory: unary ones of the default limit
and over it, streams far larger than the memory, what a channel takes meanwhile and what is left
afterwards, also of a side that is killed.
"""
import http.client
import json
import os
import signal
import threading
import time

import harness
import pytest

MIB = 1 << 20
STREAMED = (64 if harness.SANITIZED else 1024) * MIB
ROUNDS = 100 if harness.SANITIZED else 800
WINDOW_KIB = 512
# A sanitizer's own memory is far more than the limit.
LIMIT = "" if harness.SANITIZED else "deploy: {resources: {limits: {memory: 16M}}}"

STORE = """syntax = "proto3";
package demo.store.v1;
message Blob { bytes data = 1; }
message Sum { uint64 bytes = 1; uint64 sum = 2; }
service StoreService {
  rpc Echo(Blob) returns (Blob);
  rpc Upload(stream Blob) returns (Sum);
}
"""
MULE = """syntax = "proto3";
package demo.mule.v1;
import "google/api/annotations.proto";
message RunRequest { uint64 size = 1; uint64 count = 2; }
message RunReply { uint64 good = 1; string status = 2; string reason = 3; }
service MuleService {
  rpc Echo(RunRequest) returns (RunReply) { option (google.api.http) = {get: "/echo"}; }
  rpc Upload(RunRequest) returns (RunReply) { option (google.api.http) = {get: "/upload"}; }
}
"""
STORE_C = r"""
#include "store.atoll.h"
static int echo(struct atoll_call *call, const struct demo_store_v1_Blob *in,
                struct demo_store_v1_Blob *out)
{
    (void)call;
    out->data = in->data;
    return ATOLL_OK;
}
static int upload(struct atoll_call *call, struct atoll_stream *in, struct demo_store_v1_Sum *out)
{
    struct demo_store_v1_Blob part;
    int status;

    (void)call;
    while ((status = demo_store_v1_StoreService_upload_server_recv(in, &part)) == ATOLL_OK) {
        out->bytes += part.data.len;
        out->sum += (unsigned char)part.data.at[0] + (unsigned char)part.data.at[part.data.len - 1];
    }
    return status == ATOLL_STREAM_END ? ATOLL_OK : status;
}
int main(void)
{
    return demo_store_v1_StoreService_serve(
        &(struct demo_store_v1_StoreService){.echo = echo, .upload = upload});
}
"""
MULE_C = r"""
#include "mule.atoll.h"
#include "store.atoll.h"
#include <stdlib.h>
#include <string.h>
static void say(struct atoll_call *call, struct demo_mule_v1_RunReply *out, int status,
                const char *reason)
{
    out->status = atoll_printf(call, "%s", atoll_status_name(status));
    out->reason = atoll_printf(call, "%s", reason);
}
static char *made(size_t size)
{
    char *data = malloc(size);

    for (size_t i = 0; data != NULL && i < size; i++) {
        data[i] = (char)(i * 7 >> 4);
    }
    return data;
}
static int echo(struct atoll_call *call, const struct demo_mule_v1_RunRequest *in,
                struct demo_mule_v1_RunReply *out)
{
    struct demo_store_v1_Blob blob = {.data = {made(in->size), in->size}};
    struct atoll_call *own = atoll_call_new();
    int status = ATOLL_OK;

    for (uint64_t i = 0; i < in->count && status == ATOLL_OK; i++) {
        struct demo_store_v1_Blob back;

        atoll_call_reset(own);
        status = demo_store_v1_StoreService_echo(own, &blob, &back);
        out->good += status == ATOLL_OK && back.data.len == in->size &&
                     memcmp(back.data.at, blob.data.at, in->size) == 0;
    }
    say(call, out, status, atoll_call_reason(own));
    atoll_call_free(own);
    free((void *)blob.data.at);
    return ATOLL_OK;
}
static int upload(struct atoll_call *call, const struct demo_mule_v1_RunRequest *in,
                  struct demo_mule_v1_RunReply *out)
{
    struct demo_store_v1_Blob part = {.data = {made(in->size), in->size}};
    struct atoll_call *own = atoll_call_new();
    struct demo_store_v1_Sum sum = {0};
    struct atoll_stream *stream;
    int status;

    atoll_call_set_timeout(own, UINT64_C(300000000000));
    status = demo_store_v1_StoreService_upload_open(own, &stream);
    if (status == ATOLL_OK) {
        for (uint64_t i = 0; i < in->count && status == ATOLL_OK; i++) {
            status = demo_store_v1_StoreService_upload_send(stream, &part);
        }
        status = demo_store_v1_StoreService_upload_finish(stream, &sum);
    }
    out->good = sum.bytes;
    say(call, out, status, atoll_call_reason(own));
    atoll_call_free(own);
    free((void *)part.data.at);
    return ATOLL_OK;
}
int main(void)
{
    return demo_mule_v1_MuleService_serve(
        &(struct demo_mule_v1_MuleService){.echo = echo, .upload = upload});
}
"""
YAML = """name: {name}
services:
  store:
    command: ./store
    {limit}
  mule:
    command: ./mule
    uses: [store]
    depends_on: [store]
gateway:
  listen: [{{address: "127.0.0.1:{port}", services: [mule]}}]
policies:
  defaults: {{deadline: 300s}}
"""


@pytest.fixture(name="carriers", scope="module")
def a_store_of_16_mib_and_a_mule():
    s = harness.System("large")
    s.ports = harness.free_ports(1)
    s.write("atoll.yaml", YAML.format(name=s.name, port=s.ports[0], limit=LIMIT))
    harness.build_program(s.dir, "store", STORE_C, {"demo/store/v1/store.proto": STORE})
    harness.build_program(s.dir, "mule", MULE_C, {"demo/store/v1/store.proto": STORE,
                                                  "demo/mule/v1/mule.proto": MULE})
    s.up()
    yield s
    assert not s.close()


def get(s, path):
    door = http.client.HTTPConnection("127.0.0.1", s.ports[0], timeout=300)
    door.request("GET", path)
    answer = door.getresponse()
    body = json.loads(answer.read())
    door.close()
    return answer.status, body


def pids(s):
    rows = s.instances()
    return {name: rows[f"{name}.1"]["pid"] for name in ("store", "mule")}


def windows(pid):
    """How many windows a process has mapped, and their KiB in memory."""
    count = size = 0
    inside = False
    with open(f"/proc/{pid}/smaps", encoding="ascii", errors="replace") as f:
        for line in f:
            if "-" in line.split(" ")[0]:
                inside = "atoll-window" in line
                count += inside
            elif inside and line.startswith("Rss:"):
                size += int(line.split()[1])
    return count, size


def taken(pid):
    """Descriptors and mappings of channels: what traffic must not leave behind."""
    with open(f"/proc/{pid}/maps", encoding="ascii", errors="replace") as f:
        maps = sum("memfd:atoll" in line for line in f)
    return len(os.listdir(f"/proc/{pid}/fd")), maps


def resident_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS:"))


class Running:
    """A request to the mule while the test looks around."""

    def __init__(self, s, path):
        self.answer = None
        self.thread = threading.Thread(target=self._run, args=(s, path))
        self.thread.start()

    def _run(self, s, path):
        self.answer = get(s, path)

    def end(self):
        self.thread.join()
        return self.answer


def test_messages_of_4_mib_go_through_a_service_of_16_mib(carriers):
    before = pids(carriers)
    status, told = get(carriers, f"/echo?size={4 * MIB - 16}&count=20")
    assert (status, told["status"], told["good"]) == (200, "OK", "20"), told
    assert pids(carriers) == before, "nobody was restarted"


def test_a_message_over_the_limit_says_sizes_and_what_to_change(carriers):
    _, told = get(carriers, f"/echo?size={4 * MIB + 1}&count=1")
    assert told["status"] == "RESOURCE_EXHAUSTED" and told["good"] == "0"
    assert str(4 * MIB) in told["reason"] and "max_message of store in atoll.yaml" in told["reason"]


def test_a_stream_far_larger_than_the_memory_goes_through(carriers):
    before = pids(carriers)
    run = Running(carriers, f"/upload?size={256 << 10}&count={STREAMED // (256 << 10)}")
    most = 0
    while run.thread.is_alive():
        most = max(most, resident_kib(before["store"]))
        time.sleep(0.01)
    status, told = run.end()
    assert (status, told["status"], told.get("good")) == (200, "OK", str(STREAMED)), told
    assert pids(carriers) == before, "nobody was restarted"
    assert most < 16 << 10 or harness.SANITIZED, f"{most} KiB"


def test_a_channel_takes_two_windows_and_gives_them_back(carriers):
    who = pids(carriers)
    get(carriers, "/echo?size=10&count=1")
    harness.wait_for("windows of earlier tests",
                     lambda: not any(windows(pid)[0] for pid in who.values()), 10)
    before = {name: taken(pid) for name, pid in who.items()}
    run = Running(carriers, f"/echo?size={MIB}&count={ROUNDS}")
    most = (0, 0)
    while run.thread.is_alive():
        for pid in who.values():
            most = max(most, windows(pid))
        time.sleep(0.01)
    assert run.end()[1]["good"] == str(ROUNDS)
    assert most[0] == 2 and most[1] <= 2 * WINDOW_KIB, most
    harness.wait_for("all is given back",
                     lambda: {name: taken(pid) for name, pid in who.items()} == before, 10)


@pytest.mark.parametrize("victim", ["store", "mule"])
def test_a_side_that_is_killed_leaves_nothing_with_the_other(carriers, victim):
    who = pids(carriers)
    other = who["mule" if victim == "store" else "store"]
    get(carriers, "/echo?size=10&count=1")
    run = Running(carriers, f"/echo?size={MIB}&count={2 * ROUNDS}")
    harness.wait_for("both windows", lambda: windows(other)[0] == 2, 10)
    os.kill(who[victim], signal.SIGKILL)
    run.end()  # the rest goes to the restarted store when the call was not taken, else it failed
    harness.wait_for("both ready", carriers.all_ready, 10)
    harness.wait_for("no window", lambda: windows(other)[0] == 0, 10)
    assert get(carriers, "/echo?size=10&count=1")[1]["good"] == "1"
