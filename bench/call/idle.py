"""An idle system of fifty services under `atoll up`: who runs, and how often, while nobody calls."""
import glob
import json
import os
import shutil
import socket
import subprocess
import time

HERE = os.path.dirname(os.path.abspath(__file__))
SERVICES = 50
LOOKS = "run_ns", "voluntary", "involuntary"


class Failed(Exception):
    """The system did not come up, or went away."""


def run(*args):
    subprocess.run(args, check=True, timeout=120)


def atoll(program, folder, *args):
    done = subprocess.run([program, *args], cwd=folder, text=True, capture_output=True, check=False,
                          timeout=120)
    if done.returncode != 0:
        raise Failed(f"atoll {' '.join(args)}: exit {done.returncode} {done.stderr.strip()[-300:]}")
    return done.stdout


def write_if_new(path, text):
    """So that what is built from it is not built again for nothing."""
    if not os.path.exists(path) or open(path, encoding="utf-8").read() != text:
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)


def build_members(build, folder):
    """One program for each member: no two services may serve the same contract."""
    os.makedirs(folder, exist_ok=True)
    proto = os.path.join(folder, "member.proto")
    names = [f"service Member{i}Service {{ rpc Idle(Nothing) returns (Nothing); }}"
             for i in range(1, SERVICES)]
    write_if_new(proto, "\n".join(['syntax = "proto3";', "package bench.member.v1;",
                                   "message Nothing {}", *names]) + "\n")
    run("protoc", f"--plugin=protoc-gen-atoll={build}/bin/protoc-gen-atoll",
        f"--atoll_out=flat:{folder}", "-I", folder, "-I", os.path.join(HERE, "..", "..", "proto"),
        proto)
    flags = ["-O1", "-I", folder, "-I", f"{build}/bench/call", "-I",
             os.path.join(HERE, "..", "..", "include")]
    tables = []
    for source in (f"{folder}/member.atoll.c", f"{build}/bench/call/echo.atoll.c"):
        tables.append(os.path.join(folder, os.path.basename(source) + ".o"))
        run("cc", *flags, "-c", "-o", tables[-1], source)
    for i in range(1, SERVICES):
        run("cc", *flags, f"-DMEMBER={i}", "-o", f"{folder}/member{i}", f"{HERE}/member.c", *tables,
            "-L", f"{build}/src/libatoll", "-latoll")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def write_system(build, folder):
    """One hub behind the front door, and the rest each with a channel to it."""
    members = os.path.join(build, "bench", "call", "members")
    build_members(build, members)
    for path in [f"{build}/bench/call/hub", f"{build}/src/libatoll/libatoll.so.0",
                 *(f"{members}/member{i}" for i in range(1, SERVICES))]:
        shutil.copy(path, folder)
    lines = ["name: bench-idle", "services:", "  hub:", "    command: ./hub",
             f"    environment: {{LD_LIBRARY_PATH: {folder}}}"]
    for i in range(1, SERVICES):
        lines += [f"  member{i}:", f"    command: ./member{i}", "    uses: [hub]",
                  "    depends_on: [hub]", f"    environment: {{LD_LIBRARY_PATH: {folder}}}"]
    lines += ["gateway:", "  listen:",
              f"    - {{address: \"127.0.0.1:{free_port()}\", services: [hub]}}"]
    with open(os.path.join(folder, "atoll.yaml"), "w", encoding="utf-8") as f:
        f.write("\n".join(lines) + "\n")


def look_at(pid):
    """{task: (ns on a CPU, voluntary switches, involuntary ones)} of a process."""
    found = {}
    for task in glob.glob(f"/proc/{pid}/task/*"):
        try:
            with open(f"{task}/schedstat", encoding="ascii") as f:
                run = int(f.read().split()[0])
            with open(f"{task}/status", encoding="ascii") as f:
                status = dict(line.rstrip().split(":", 1) for line in f if ":" in line)
        except OSError:
            continue  # it ended meanwhile
        found[task] = (run, int(status["voluntary_ctxt_switches"]),
                       int(status["nonvoluntary_ctxt_switches"]))
    return found


def difference(before, after):
    """What happened between two looks at tasks; one that is new counts from its beginning."""
    total = [0, 0, 0]
    for task, values in after.items():
        for i, value in enumerate(values):
            total[i] += value - before.get(task, (0, 0, 0))[i]
    return dict(zip(LOOKS, total))


def everybody(program, folder):
    """{"runtime": [pid…], "services": [pid…]}; a service's reaper is the runtime's."""
    status = json.loads(atoll(program, folder, "status", "-o", "json"))
    rows = json.loads(atoll(program, folder, "ps", "-o", "json"))
    runtime = [status["anchor_pid"], status["supervisor_pid"]]
    services = []
    for row in rows:
        runtime.append(row["reaper_pid"])
        of_ours = row["service"] in ("door", "telemetry")
        (runtime if of_ours else services).append(row["pid"])
    if len(services) != SERVICES:
        raise Failed(f"{len(services)} of {SERVICES} services run")
    return {"runtime": runtime, "services": services}


def measure(build, folder, settle, seconds):
    """{"runtime": {run_ns, voluntary, involuntary}, "services": …, "busy": [(pid, …)]}."""
    program = os.path.join(build, "bin", "atoll")
    write_system(build, folder)
    atoll(program, folder, "up", "-d")
    try:
        pids = everybody(program, folder)
        time.sleep(settle)
        before = {pid: look_at(pid) for group in pids.values() for pid in group}
        time.sleep(seconds)
        after = {pid: look_at(pid) for group in pids.values() for pid in group}
    finally:
        atoll(program, folder, "down")
    gone = [pid for looks in (before, after) for pid, tasks in looks.items() if not tasks]
    if gone:
        raise Failed(f"processes ended while they should have been idle: {gone}")
    found = {}
    for name, group in pids.items():
        each = [difference(before[pid], after[pid]) for pid in group]
        found[name] = {key: sum(one[key] for one in each) for key in LOOKS}
        found[name]["processes"] = len(group)
        found[name]["busiest"] = max(each, key=lambda one: one["run_ns"])
    return found
