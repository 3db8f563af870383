"""A door on a stage: atoll-gateway with test/stage behind it, and raw HTTP to speak to it."""
import json
import os
import resource
import socket
import subprocess
import time

BUILD = os.environ.get("ATOLL_BUILD") or os.path.join(
    os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "build")


class Answer:
    """One HTTP response."""

    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {self.headers} {self.body[:400]!r}"


class Connection:
    """A client that sends exactly what it is told to."""

    def __init__(self, port, timeout=20):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self.kept = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else data.encode())
        return self

    def half_close(self):
        self.socket.shutdown(socket.SHUT_WR)
        return self

    def _more(self):
        got = self.socket.recv(65536)
        if not got:
            raise EOFError(self.kept)
        self.kept += got

    def _until(self, mark):
        while mark not in self.kept:
            self._more()
        piece, self.kept = self.kept.split(mark, 1)
        return piece

    def _take(self, n):
        while len(self.kept) < n:
            self._more()
        piece, self.kept = self.kept[:n], self.kept[n:]
        return piece

    def _chunks(self):
        body = b""
        while size := int(self._until(b"\r\n"), 16):
            body += self._take(size)
            assert self._take(2) == b"\r\n"
        assert self._take(2) == b"\r\n"
        return body

    def answer(self, to_head=False):
        """The next response; raises EOFError when there is none."""
        lines = self._until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        status = int(lines[0].split()[1])
        headers = {k.lower(): v.strip() for k, v in (line.split(":", 1) for line in lines[1:])}
        if to_head or status in (100, 204):
            body = b""
        elif headers.get("transfer-encoding") == "chunked":
            body = self._chunks()
        else:
            body = self._take(int(headers.get("content-length", "0")))
        return Answer(status, headers, body)

    def is_closed(self, within=2):
        """Has the door said end of file, with nothing in front of it?"""
        self.socket.settimeout(within)
        try:
            return self.kept == b"" and self.socket.recv(1) == b""
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False


class Door:
    """The gateway and what is behind it, until stop()."""

    def __init__(self, files=None, log=None, memory=None, program="atoll-gateway"):
        def limit():
            if files:
                resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
        path = lambda *p: os.path.join(BUILD, *p)  # noqa: E731
        self.process = subprocess.Popen(
            [path("test", "stage", "stage"), path("src", "roles", "gateway", program),
             path("test", "stage", "stage.set")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log or subprocess.DEVNULL,
            preexec_fn=limit,
            env={**os.environ, **({"STAGE_DOOR_MEMORY": str(memory)} if memory else {})})
        self.port = int(self.process.stdout.readline().split()[1])
        deadline = time.monotonic() + 10
        while self.get("/readyz").status != 200:
            assert time.monotonic() < deadline, "the door never became ready"
            time.sleep(0.01)

    def stop(self):
        self.process.stdin.close()
        code = self.process.wait(timeout=20)
        self.process.stdout.close()
        return code

    def connect(self, timeout=20):
        return Connection(self.port, timeout)

    def exchange(self, data):
        """Sends the bytes and takes one answer."""
        with self.connect() as c:
            return c.send(data).answer()

    def get(self, target, headers=""):
        return self.exchange(f"GET {target} HTTP/1.1\r\nHost: h\r\n{headers}\r\n")

    def post(self, target, body, headers=""):
        body = body if isinstance(body, bytes) else body.encode()
        return self.exchange(f"POST {target} HTTP/1.1\r\nHost: h\r\nContent-Length: {len(body)}"
                             f"\r\n{headers}\r\n".encode() + body)

    def gateway_pid(self):
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children",
                  encoding="ascii") as f:
            return int(f.read().split()[0])
