"""What an instance finds around itself: nothing but what was declared.

A probe runs as a service beside the real stock service. It says as JSON, in its log, what it found.
"""
import json
import os
import shutil

import pytest

import harness
from harness import wait_for

PROBE = '''
import ctypes, errno, json, os, socket, sys, time

found = {"uid": os.getuid(), "gid": os.getgid(), "groups": os.getgroups(),
         "interfaces": [name for _, name in socket.if_nameindex()],
         "fds": sorted(int(n) for n in os.listdir("/proc/self/fd")),
         "pids": sorted(int(n) for n in os.listdir("/proc") if n.isdigit()),
         "env": dict(os.environ), "hostname": socket.gethostname()}
found["fds"].remove(max(found["fds"]))  # that of the listing itself
status = dict(line.split(":", 1) for line in open("/proc/self/status") if ":" in line)
found["caps"] = {k: int(status[k], 16) for k in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")}
found["no_new_privs"] = int(status["NoNewPrivs"])
found["seccomp"] = int(status["Seccomp"])
found["routes"] = open("/proc/net/route").read().splitlines()[1:]


def attempt(name, what):
    try:
        what()
        found[name] = "done"
    except OSError as e:
        found[name] = errno.errorcode.get(e.errno, str(e.errno))


def connect(address, family=socket.AF_INET):
    s = socket.socket(family, socket.SOCK_STREAM)
    s.settimeout(2)
    s.connect(address)


attempt("connect_out", lambda: connect(("192.0.2.1", 80)))
attempt("connect_door", lambda: connect(("127.0.0.1", int(os.environ["DOOR"]))))
attempt("write_project", lambda: open(os.path.join(os.environ["PROJECT"], "mine"), "w"))
attempt("write_usr", lambda: open("/usr/mine", "w"))
attempt("write_state", lambda: open("/state/mine", "w").write("x"))
attempt("write_tmp", lambda: open("/tmp/mine", "w").write("x"))
attempt("read_state_of_stock",
        lambda: open(os.path.join(os.environ["PROJECT"], ".atoll/state/stock/stock.db"), "rb"))
attempt("read_shadow", lambda: open("/etc/shadow"))
attempt("read_root_home", lambda: os.listdir("/root"))
attempt("raw_socket", lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW))
attempt("chroot", lambda: os.chroot("/tmp"))
libc = ctypes.CDLL(None, use_errno=True)


def must(r):
    if r != 0:
        raise OSError(ctypes.get_errno(), "")


attempt("mount", lambda: must(libc.mount(b"none", b"/tmp", b"tmpfs", 0, None)))
attempt("new_user_namespace", lambda: must(libc.unshare(0x10000000)))
attempt("ptrace_reaper", lambda: must(libc.ptrace(16, 1, None, None)))

if os.path.exists("libatoll.so"):
    lib = ctypes.CDLL(os.path.abspath("libatoll.so"))
    lib.atoll_call_new.restype = ctypes.c_void_p
    lib.atoll_call_reason.restype = ctypes.c_char_p
    lib.atoll_call_reason.argtypes = [ctypes.c_void_p]
    lib.atoll_call_set_timeout.argtypes = [ctypes.c_void_p, ctypes.c_uint64]
    lib.atoll_invoke_bytes.argtypes = [
        ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_size_t,
        ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(ctypes.c_size_t)]
    call = lib.atoll_call_new()
    lib.atoll_call_set_timeout(call, 5 * 10**9)
    at, size = ctypes.c_void_p(), ctypes.c_size_t()
    found["call_status"] = lib.atoll_invoke_bytes(
        call, b"shop.stock.v1.StockService", b"GetItem", b"\\x08\\x01", 2, at, size)
    found["call_reason"] = lib.atoll_call_reason(call).decode()
print("FOUND " + json.dumps(found), flush=True)
while True:
    time.sleep(1)
'''

YAML = """
name: {name}
services:
  stock:
    command: bin/stock --catalogue catalogue.csv
  nosy:
    command: [/usr/bin/python3, probe.py]
    environment: {{DOOR: "{port}", PROJECT: "{dir}"}}
  friend:
    command: [/usr/bin/python3, probe.py]
    uses: [stock]
    environment: {{DOOR: "{port}", PROJECT: "{dir}"}}
gateway:
  listen:
    - {{address: "127.0.0.1:{port}", services: [stock]}}
"""


def make_probes(kind, user=None):
    s = harness.System(kind, user=user)
    port = harness.free_ports(1)[0]
    s.write("atoll.yaml", YAML.format(name=s.name, port=port, dir=s.dir))
    s.write("probe.py", PROBE)
    os.makedirs(os.path.join(s.dir, "bin"))
    shutil.copy(os.path.join(harness.SHOP_BIN, "stock"), os.path.join(s.dir, "bin"))
    shutil.copy(os.path.join(harness.SHOP, "catalogue.csv"), s.dir)
    library = os.path.join(harness.BUILD, "src", "libatoll", "libatoll.so")
    if os.path.exists(library) and not harness.SANITIZED:
        shutil.copy(library, s.dir)
    return s


def findings(s, service):
    def read():
        for line in s.atoll("logs", service, "--no-prefix").stdout.splitlines():
            if "FOUND " in line:
                return json.loads(line.partition("FOUND ")[2])
        return None
    return wait_for(f"what {service} found", read, 10)


@pytest.fixture(name="probes", scope="module")
def two_probes_and_a_stock():
    s = make_probes("probes")
    try:
        s.up()
        s.found = {name: findings(s, name) for name in ("nosy", "friend")}
        yield s
    finally:
        left = s.close()
    assert not left, f"left behind: {left}"


def test_there_is_no_network_but_lo_and_no_route(probes):
    found = probes.found["nosy"]
    assert found["interfaces"] == ["lo"]
    assert found["routes"] == []
    assert found["connect_out"] in ("ENETUNREACH", "EACCES", "EPERM")
    assert found["connect_door"] != "done"


def test_no_descriptor_is_open_beyond_the_declared(probes):
    assert probes.found["nosy"]["fds"] == [0, 1, 2, 3]


def test_there_is_no_capability_and_no_way_to_get_one(probes):
    found = probes.found["nosy"]
    assert set(found["caps"].values()) == {0}
    assert found["no_new_privs"] == 1
    assert found["seccomp"] == 2
    for attempt in ("mount", "chroot", "raw_socket", "new_user_namespace", "ptrace_reaper"):
        assert found[attempt] != "done", attempt


@pytest.mark.root
def test_each_service_has_a_uid_of_its_own_that_it_keeps(probes):
    uids = {name: row["uid"] for name, row in probes.instances().items()}
    assert len(set(uids.values())) == 3 and 0 not in uids.values()
    assert probes.found["nosy"]["uid"] == uids["nosy.1"]
    assert probes.found["nosy"]["groups"] in ([], [probes.found["nosy"]["gid"]])
    assert os.stat(os.path.join(probes.dir, ".atoll", "state", "nosy")).st_uid == uids["nosy.1"]


def test_the_file_system_is_read_only_but_for_its_own_state(probes):
    found = probes.found["nosy"]
    assert (found["write_state"], found["write_tmp"]) == ("done", "done")
    assert found["write_project"] != "done" and found["write_usr"] != "done"
    for secret in ("read_state_of_stock", "read_shadow", "read_root_home"):
        assert found[secret] != "done", secret


def test_it_sees_its_reaper_and_itself_and_nobody_else(probes):
    assert len(probes.found["nosy"]["pids"]) == 2 and probes.found["nosy"]["pids"][0] == 1


def test_its_environment_is_what_was_declared(probes):
    env = probes.found["nosy"]["env"]
    assert env["STATE_DIRECTORY"] == "/state" and env["ATOLL_SERVICE"] == "nosy"
    assert env["ATOLL_INSTANCE"] == "nosy.1" and env["ATOLL_CONTROL_FD"] == "3"
    assert not [name for name in env if name not in (
        "PATH", "HOME", "LANG", "LC_CTYPE", "PWD", "HOSTNAME", "USER", "LOGNAME", "SHELL", "TZ",
        "ATOLL_CONTROL_FD", "ATOLL_SYSTEM", "ATOLL_SERVICE", "ATOLL_INSTANCE", "STATE_DIRECTORY",
        "DOOR", "PROJECT")]


def test_a_service_that_is_not_declared_cannot_be_reached(probes):
    if "call_status" not in probes.found["nosy"]:
        pytest.skip("no libatoll.so that python could load")
    assert probes.found["friend"]["call_status"] == 0, probes.found["friend"]["call_reason"]
    assert probes.found["nosy"]["call_status"] == 7
    assert "stock" in probes.found["nosy"]["call_reason"]
    assert "uses" in probes.found["nosy"]["call_reason"]


def test_each_instance_is_one_process_and_its_reaper(probes):
    for name, row in probes.ps().items():
        namespace = os.readlink(f"/proc/{row['pid']}/ns/pid")
        inside = []
        for pid in harness.all_pids():
            try:
                if os.readlink(f"/proc/{pid}/ns/pid") == namespace:
                    inside.append(pid)
            except OSError:
                pass
        assert sorted(inside) == sorted((row["pid"], row["reaper_pid"])), name
