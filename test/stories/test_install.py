"""make install into an empty prefix; then a service outside the tree, built with pkg-config and the
generator alone, and the example that `atoll init --demo shop` copies.
"""
import json
import os
import shutil
import subprocess

import pytest

import harness

SERVICE = """
/* A whole service in thirty lines. */
#include <atoll/atoll.h>
#include <stdio.h>

#include "hello.atoll.h"

static int hello(struct atoll_call *call, const struct demo_hello_v1_HelloRequest *in,
                 struct demo_hello_v1_HelloResponse *out)
{
    if (in->name.len == 0) {
        return atoll_fail(call, ATOLL_INVALID_ARGUMENT, "name is missing");
    }
    out->text = atoll_printf(call, "hello %.*s, says atoll %s", (int)in->name.len, in->name.at,
                             atoll_version());
    return ATOLL_OK;
}

int main(void)
{
    fprintf(stderr, "here we go\\n");
    return demo_hello_v1_HelloService_serve(
        &(struct demo_hello_v1_HelloService){.hello = hello});
}
"""
PROTO = """
syntax = "proto3";
package demo.hello.v1;
import "google/api/annotations.proto";
service HelloService {
  rpc Hello(HelloRequest) returns (HelloResponse) {
    option (google.api.http) = {get: "/hello/{name}"};
    option idempotency_level = NO_SIDE_EFFECTS;
  }
}
message HelloRequest { string name = 1; }
message HelloResponse { string text = 1; }
"""


@pytest.fixture(name="prefix", scope="module")
def an_installed_tree():
    if harness.SANITIZED:
        pytest.skip("installs what a user gets, which is not a sanitizer build")
    dest = os.path.join(harness.SCRATCH, "dest")
    shutil.rmtree(dest, ignore_errors=True)
    harness.must_run(["meson", "install", "-C", harness.BUILD, "--no-rebuild", "--quiet",
                      "--destdir", dest])
    options = json.loads(harness.must_run(["meson", "introspect", "--buildoptions",
                                           harness.BUILD]))
    prefix = next(o["value"] for o in options if o["name"] == "prefix")
    yield dest + prefix
    shutil.rmtree(dest, ignore_errors=True)


def installed(s, prefix):
    """The system s uses the installed command, which has to find the rest by itself."""
    s.env.pop("ATOLL_LIBEXEC")
    s.env["PATH"] = f"{prefix}/bin:{os.environ['PATH']}"
    s.atoll_path = os.path.join(prefix, "bin", "atoll")
    return s


def pkg_config(prefix, *args):
    folder = subprocess.run(["find", prefix, "-name", "atoll.pc"], capture_output=True, text=True,
                            check=True).stdout.strip()
    assert folder, "atoll.pc is not installed"
    return harness.must_run(["pkg-config", *args, "atoll"], env={
        **os.environ, "PKG_CONFIG_PATH": os.path.dirname(folder),
        "PKG_CONFIG_SYSROOT_DIR": os.path.join(harness.SCRATCH, "dest")}).split()


def test_a_service_of_thirty_lines_outside_the_tree(prefix):
    s = installed(harness.System("outside"), prefix)
    port = harness.free_ports(1)[0]
    try:
        # Nothing but what pkg-config says.
        harness.build_program(
            s.dir, "hello", SERVICE, {"demo/hello/v1/hello.proto": PROTO},
            flags=pkg_config(prefix, "--cflags", "--libs"),
            generator=pkg_config(prefix, "--variable=protoc_plugin")[0],
            proto_root=pkg_config(prefix, "--variable=protodir")[0])
        s.write("atoll.yaml", f"name: {s.name}\nservices:\n  hello:\n    command: ./hello\n"
                "gateway:\n  listen:\n"
                f"    - {{address: \"127.0.0.1:{port}\", services: [hello]}}\n")
        s.up()
        answer = harness.must_run(["curl", "-sS", f"http://127.0.0.1:{port}/hello/ann"])
        assert json.loads(answer)["text"].startswith("hello ann, says atoll ")
        done = s.atoll("call", "hello.Hello", "{}")
        assert done.returncode == 64 + 3 and "name is missing" in done.stderr
        assert "here we go" in s.atoll("logs", "hello").stdout
    finally:
        assert not s.close()


def test_the_installed_example_runs_as_it_is_copied(prefix):
    s = installed(harness.Shop("demo"), prefix)
    shutil.rmtree(s.dir)
    os.makedirs(os.path.dirname(s.dir), exist_ok=True)
    harness.must_run([s.atoll_path, "init", "--demo", "shop", s.dir], env=s.env)
    try:
        s.up()
        assert s.stock("GET", "/stock/1").json == {"available": 40, "price": 995}
        out = subprocess.run([os.path.join(s.dir, "bin", "shop-traffic"), "--duration", "1",
                              "--shop", f"127.0.0.1:{s.door}",
                              "--stock", f"127.0.0.1:{s.stock_port}"], cwd=s.dir, text=True,
                             capture_output=True, check=False)
        assert out.returncode == 0 and "the books are right" in out.stdout, out.stdout + out.stderr
    finally:
        assert not s.close()
