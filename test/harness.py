"""What every whole-system test needs: a system of its own on free ports, and proof that it left nothing.

Environment: ATOLL_BUILD (the build folder; default: build), ATOLL_BIN (the command), ATOLL_LIBEXEC
(the roles), SHOP_BIN (the shop's programs). So the same stories run against a sanitizer build or an
installed tree.
"""
import fcntl
import hashlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.abspath(os.environ.get("ATOLL_BUILD", os.path.join(ROOT, "build")))
LIBEXEC = os.path.abspath(os.environ.get("ATOLL_LIBEXEC", os.path.join(BUILD, "bin")))
ATOLL = os.path.abspath(os.environ.get("ATOLL_BIN", os.path.join(LIBEXEC, "atoll")))
SHOP_BIN = os.path.abspath(os.environ.get("SHOP_BIN", os.path.join(BUILD, "examples", "shop")))
SHOP = os.path.join(ROOT, "examples", "shop")
SERVICES = ["product", "stock", "payment", "cart", "order"]
SANITIZED = "asan" in os.path.basename(BUILD) or "tsan" in os.path.basename(BUILD)
SLOW = 6 if SANITIZED else 1  # times are stretched by so much

# One place for each checkout and kind of system, so that the uids allotted to it (for ever) are few.
SCRATCH = os.path.join("/tmp", "atoll-stories-"
                       + hashlib.sha256(f"{ROOT}:{os.getuid()}".encode()).hexdigest()[:10])

# Sanitizers need room, and cannot look for leaks where ptrace is not allowed.
ROOMY = f"""services:
  {SERVICES[0]}: &roomy
    environment: {{ASAN_OPTIONS: "detect_leaks=0"}}
    deploy: {{resources: {{limits: {{memory: 1G, pids: 64}}}}}}
"""


def free_ports(count):
    """Ports that nobody listens on right now."""
    held = []
    for _ in range(count):
        s = socket.socket()
        s.bind(("127.0.0.1", 0))
        held.append(s)
    ports = [s.getsockname()[1] for s in held]
    for s in held:
        s.close()
    return ports


def wait_for(what, condition, seconds=5.0, every=0.01):
    """The first true value of condition(), or a failure that says what did not come."""
    end = time.monotonic() + seconds * SLOW
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"{what} did not come within {seconds * SLOW} s"
        time.sleep(every)


class Answer:
    """An HTTP answer; json is the parsed body, or None."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body
        self.text = body.decode("utf-8", "replace")
        try:
            self.json = json.loads(body) if body else None
        except ValueError:
            self.json = None

    def __repr__(self):
        return f"<{self.status} {self.text[:300]}>"


def stat_of(pid):
    """(parent, start time) of a process, or None."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
            fields = f.read().rpartition(")")[2].split()
        return int(fields[1]), int(fields[19])
    except (OSError, IndexError):
        return None


def alive(pid):
    """Exists and is no zombie."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
            return f.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def memory_files(pid):
    """The memory files that a process has open: {(device, inode): name}."""
    found = {}
    folder = f"/proc/{pid}/fd"
    try:
        for fd in os.listdir(folder):
            try:
                name = os.readlink(f"{folder}/{fd}")
                if name.startswith("/memfd:"):
                    stat = os.stat(f"{folder}/{fd}")
                    found[(stat.st_dev, stat.st_ino)] = name.split()[0]
            except OSError:
                pass
    except OSError:
        pass
    return found


def listening_ports():
    """The TCP ports of this network namespace that somebody listens on."""
    ports = set()
    for path in ("/proc/net/tcp", "/proc/net/tcp6"):
        if os.path.exists(path):
            with open(path, encoding="ascii") as f:
                ports |= {int(fields[1].rpartition(":")[2], 16) for line in f.readlines()[1:]
                          if (fields := line.split())[3] == "0A"}
    return ports


def all_pids():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def descendants(roots):
    """The processes below (and including) these, with their start times."""
    below = {}
    known = {pid: stat for pid in all_pids() if (stat := stat_of(pid))}
    todo = [pid for pid in roots if pid in known]
    while todo:
        pid = todo.pop()
        below[pid] = known[pid][1]
        todo += [child for child, (parent, _) in known.items() if parent == pid and child not in below]
    return below


def claim_folder(kind):
    """A folder that no other run of the tests uses now, and the lock that says so."""
    os.makedirs(SCRATCH, mode=0o755, exist_ok=True)
    for n in range(1, 100):
        name = kind if n == 1 else f"{kind}.{n}"
        lock = open(os.path.join(SCRATCH, f".{name}.lock"), "w", encoding="ascii")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return os.path.join(SCRATCH, name), lock
        except OSError:
            lock.close()
    raise AssertionError(f"a hundred runs use {SCRATCH}")


class System:
    """One atoll.yaml in a folder of its own."""

    def __init__(self, kind, yaml=None, files=None, user=None):
        self.name = f"{kind}-{os.getpid()}"
        self.dir, self.lock = claim_folder(kind)
        self.user = user  # (uid, gid) of an ordinary user, or None: whoever runs the test
        self.seen = {}  # pid → start time of every process that was ever seen
        self.memory = {}  # (device, inode) → name of every memory file that they had open
        self.ports = []  # that the door listens on
        self.env = {**os.environ, "ATOLL_LIBEXEC": LIBEXEC, "NO_COLOR": "1"}
        for name in ("SHOP_BIN", "ATOLL_FILE", "ATOLL_PROJECT", "ATOLL_OUTPUT", "NOTIFY_SOCKET"):
            self.env.pop(name, None)
        shutil.rmtree(self.dir, ignore_errors=True)
        os.makedirs(self.dir)
        for name, text in {"atoll.yaml": yaml, **(files or {})}.items():
            if text is not None:
                self.write(name, text)
        self.foreground = None
        self.atoll_path = ATOLL

    def write(self, name, text):
        path = os.path.join(self.dir, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    def _as_user(self):
        return {} if self.user is None else {"user": self.user[0], "group": self.user[1],
                                             "extra_groups": []}

    def atoll(self, *args, timeout=60, check=None, env=None):
        """Runs the command in the folder; check: the exit code that is expected."""
        done = subprocess.run([self.atoll_path, *args], cwd=self.dir, env={**self.env, **(env or {})},
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=timeout * SLOW, text=True,
                              errors="replace", check=False, **self._as_user())
        if check is not None:
            assert done.returncode == check, (
                f"atoll {' '.join(args)}: exit {done.returncode}, expected {check}\n"
                f"{done.stdout}{done.stderr}{self.logs()}")
        return done

    def logs(self):
        """The end of what everybody wrote, for a failure."""
        text = ""
        folder = os.path.join(self.dir, ".atoll", "logs")
        names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
        for name in names + [os.path.join("..", "atolld.log")] if names else []:
            if not os.path.isfile(os.path.join(folder, name)):
                continue
            with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as f:
                text += "".join(f"{name}: {line}" for line in f.readlines()[-8:])
        return "\n" + text

    def up(self, *args, check=0):
        done = self.atoll("up", "-d", *args, check=check)
        self.look()
        return done

    def up_foreground(self, *args):
        """atoll up as a person has it in a terminal; down by a signal to it. What it says: up.txt."""
        with open(os.path.join(self.dir, "up.txt"), "w", encoding="utf-8") as said:
            self.foreground = subprocess.Popen([self.atoll_path, "up", *args], cwd=self.dir,
                                               env=self.env, stdin=subprocess.DEVNULL, stdout=said,
                                               stderr=subprocess.STDOUT, start_new_session=True,
                                               **self._as_user())
        return self.foreground

    def ps(self):
        """The rows of atoll ps: dicts by instance."""
        done = self.atoll("ps", "-o", "json", check=0)
        rows = {row["instance"]: row for row in json.loads(done.stdout)}
        for row in rows.values():
            for pid in (row.get("pid"), row.get("reaper_pid")):
                if pid:
                    self.seen.setdefault(pid, (stat_of(pid) or (0, 0))[1])
        return rows

    def instances(self):
        """Those of the user's services."""
        return {name: row for name, row in self.ps().items() if row["kind"] == "service"}

    def all_ready(self):
        rows = self.ps()
        return rows if rows and all(row["state"] == "ready" for row in rows.values()) else None

    def daemons(self):
        """pids of the anchor and the supervisor of this system: the chain above any reaper."""
        for row in self.ps().values():
            if row.get("reaper_pid"):
                chain = []
                pid = row["reaper_pid"]
                while (stat := stat_of(pid)) and stat[0] > 1:
                    pid = stat[0]
                    if exe_name(pid) != "atolld":
                        break
                    chain.append(pid)
                return chain
        return []

    def look(self):
        """Remembers every process of the system that exists now."""
        self.seen.update(descendants([*self.seen, *self.daemons()]))
        for pid in self.seen:
            self.memory.update(memory_files(pid))

    def down(self, check=0):
        self.look()
        return self.atoll("down", check=check)

    def left_behind(self):
        """Everything of this system that still exists; empty is what must be."""
        left = []
        for pid, start in self.seen.items():
            stat = stat_of(pid)
            if stat and stat[1] == start and alive(pid):
                left.append(f"process {pid} {exe_name(pid)}")
        for folder, names, _ in os.walk("/sys/fs/cgroup"):
            left += [f"cgroup {folder}/{name}" for name in names if self.name in name]
        with open("/proc/self/mountinfo", encoding="utf-8") as f:
            left += [f"mount {line.split()[4]}" for line in f if self.name in line or self.dir in line]
        for root in ("/run/atoll", f"/tmp/atoll-{os.getuid()}/atoll",
                     os.path.join(self.env.get("XDG_RUNTIME_DIR", "/nonexistent"), "atoll")):
            if os.path.exists(os.path.join(root, self.name)):
                left.append(f"run directory {root}/{self.name}")
        with open("/proc/net/unix", encoding="utf-8", errors="replace") as f:
            left += [f"socket {line.split()[-1]}" for line in f
                     if f"/{self.name}/" in line or self.dir in line]
        left += [f"port {port}" for port in self.ports if port in listening_ports()]
        if not left and self.memory:  # dear to find out, and held by processes anyway
            left += [f"memory file {name} in {pid} {exe_name(pid)}" for pid in all_pids()
                     for key, name in memory_files(pid).items() if key in self.memory]
        return left

    def close(self):
        """Ends whatever is left, then says what was."""
        if self.foreground and self.foreground.poll() is None:
            self.foreground.send_signal(signal.SIGINT)
            try:
                self.foreground.wait(20 * SLOW)
            except subprocess.TimeoutExpired:
                self.foreground.kill()
                self.foreground.wait()
        self.atoll("down")
        left = wait_gone(self)
        for pid, start in self.seen.items():  # only what this system started
            stat = stat_of(pid)
            if stat and stat[1] == start and exe_name(pid):
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        self.lock.close()
        return left


def wait_gone(system, seconds=5):
    """What is left after at most so long."""
    end = time.monotonic() + seconds * SLOW
    while (left := system.left_behind()) and time.monotonic() < end:
        time.sleep(0.02)
    return left


def exe_name(pid):
    try:
        return os.path.basename(os.readlink(f"/proc/{pid}/exe")).replace(" (deleted)", "")
    except OSError:
        return ""


class Shop(System):
    """The example shop, copied, on free ports."""

    def __init__(self, kind="shop", user=None, state=None, **env):
        super().__init__(kind, user=user)
        for name in ("atoll.yaml", "catalogue.csv"):
            shutil.copy(os.path.join(SHOP, name), self.dir)
        os.makedirs(os.path.join(self.dir, "bin"))
        for name in SERVICES:
            shutil.copy(os.path.join(SHOP_BIN, name), os.path.join(self.dir, "bin"))
        if user is not None:
            for folder, _, names in os.walk(self.dir):
                os.chown(folder, *user)
                for name in names:
                    os.chown(os.path.join(folder, name), *user)
        self.door, self.stock_port, self.payment_port = free_ports(3)
        self.env.update(SHOP_NAME=self.name, SHOP_PORT=str(self.door),
                        SHOP_STOCK_PORT=str(self.stock_port),
                        SHOP_PAYMENT_PORT=str(self.payment_port), **env)
        self.ports = [self.door, self.stock_port, self.payment_port]
        self.state = os.path.join(self.dir, ".atoll", "state")
        if SANITIZED:
            self.write("atoll.override.yaml", ROOMY + "".join(
                f"  {name}: *roomy\n" for name in SERVICES[1:]))

    def http(self, method, path, body=None, port=None, timeout=15, **headers):
        """One request on a connection of its own. Headers: x_user_id="ann"."""
        connection = http.client.HTTPConnection("127.0.0.1", port or self.door,
                                                timeout=timeout * SLOW)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
            sent.setdefault("content-type", "application/json")
        try:
            connection.request(method, path, body=body, headers=sent)
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def stock(self, method, path, **more):
        return self.http(method, path, port=self.stock_port, **more)

    def payment(self, method, path, **more):
        return self.http(method, path, port=self.payment_port, **more)

    def traffic(self, *args):
        """shop-traffic against this shop, running."""
        return subprocess.Popen([os.path.join(SHOP_BIN, "shop-traffic"),
                                 "--shop", f"127.0.0.1:{self.door}",
                                 "--stock", f"127.0.0.1:{self.stock_port}",
                                 "--state", self.state, "-o", "json", *args],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def build_program(folder, name, source, protos, flags=None, generator=None, proto_root=None):
    """Compiles one C service: protos are {"demo/x/v1/x.proto": text}; it includes "x.atoll.h".

    flags: what a compiler needs to find and link libatoll; default: this build's libatoll.a.
    """
    work = os.path.join(folder, f"build-{name}")
    made = os.path.join(work, "made")
    os.makedirs(made, exist_ok=True)
    if flags is None:
        flags = ["-I", os.path.join(ROOT, "include"),
                 os.path.join(BUILD, "src", "libatoll", "libatoll.a"), "-lpthread"]
        if SANITIZED:
            flags += ["-fsanitize=thread" if "tsan" in BUILD else "-fsanitize=address,undefined"]
    sources = [os.path.join(work, f"{name}.c")]
    with open(sources[0], "w", encoding="utf-8") as f:
        f.write(source)
    for path, text in protos.items():
        full = os.path.join(work, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8") as f:
            f.write(text)
        must_run(["protoc", f"--plugin=protoc-gen-atoll="
                  f"{generator or os.path.join(LIBEXEC, 'protoc-gen-atoll')}",
                  f"--atoll_out=flat:{made}", "-I", work, "-I",
                  proto_root or os.path.join(ROOT, "proto"), path])
        stem = os.path.basename(path).replace(".proto", "")
        sources.append(os.path.join(made, f"{stem}.atoll.c"))
    program = os.path.join(folder, name)
    must_run([("clang-19" if SANITIZED else os.environ.get("CC", "cc")), "-Wall", "-Wextra",
              "-Werror", "-O1", "-g", "-o", program, *sources, "-I", made, *flags])
    return program


def must_run(args, **more):
    done = subprocess.run(args, capture_output=True, text=True, check=False, **more)
    assert done.returncode == 0, f"{' '.join(args)}\n{done.stdout}{done.stderr}"
    return done.stdout
