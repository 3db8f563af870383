"""Builds the peers from Debian's packages, and tells which are missing here."""
import os
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))


class Peer:
    """A program below peers/, what it needs, and how it is built."""

    def __init__(self, name, source, needs, package, flags, prepare=None, settings=None):
        self.name = name
        self.source = os.path.join(HERE, "peers", source)
        self.needs = needs  # files that must be there: {path: package}
        self.package = package  # whose version is told
        self.flags = flags
        self.prepare = prepare  # (made) -> further sources and flags
        self.settings = settings or []  # of run, in which it takes part

    def missing(self):
        return sorted({package for path, package in self.needs.items() if not os.path.exists(path)})


def sh(*args):
    subprocess.run(args, check=True)


def grpc_code(made):
    sh("protoc", f"--cpp_out={made}", f"--grpc_out={made}",
       "--plugin=protoc-gen-grpc=/usr/bin/grpc_cpp_plugin", "-I", HERE, "echo.proto")
    return [os.path.join(made, "echo.pb.cc"), os.path.join(made, "echo.grpc.pb.cc")]


def thrift_code(made):
    sh("thrift", "--gen", "cpp:no_skeleton", "-out", made,
       os.path.join(HERE, "peers", "echo.thrift"))
    return [os.path.join(made, "Echo.cpp"), "-Wno-unused-parameter"]


EVERY = ["one", "two", "pipelined", "big"]

ALL = [
    Peer("unix", "unix.c", {}, None, [], settings=EVERY),
    Peer("grpc", "grpc.cc", {"/usr/bin/grpc_cpp_plugin": "protobuf-compiler-grpc",
                             "/usr/include/grpcpp/grpcpp.h": "libgrpc++-dev"}, "libgrpc++-dev",
         ["-lgrpc++", "-lgrpc", "-lgpr", "-lprotobuf", "-labsl_synchronization"], grpc_code,
         EVERY),
    Peer("thrift", "thrift.cc", {"/usr/bin/thrift": "thrift-compiler",
                                 "/usr/include/thrift/Thrift.h": "libthrift-dev",
                                 "/usr/include/boost/version.hpp": "libboost-dev"},
         "libthrift-dev", ["-lthrift"], thrift_code, EVERY),
    Peer("nng", "nng.c", {"/usr/include/nng/nng.h": "libnng-dev"}, "libnng-dev", ["-lnng"],
         settings=EVERY),
    Peer("zeromq", "zmq.c", {"/usr/include/zmq.h": "libzmq3-dev"}, "libzmq3-dev", ["-lzmq"],
         settings=EVERY),
    Peer("sdbus", "sdbus.c", {"/usr/include/systemd/sd-bus.h": "libsystemd-dev"},
         "libsystemd-dev", ["-lsystemd"], settings=EVERY),
    Peer("nats", "nats.c", {"/usr/sbin/nats-server": "nats-server",
                            "/usr/include/nats/nats.h": "libnats-dev"}, "nats-server",
         ["-lnats"], settings=EVERY),
]


def build(peer, out):
    """Path of the program, built when it is older than what it is made from."""
    made = os.path.join(out, "peers", peer.name)
    program = os.path.join(made, peer.name)
    parts = [peer.source, os.path.join(HERE, "measure.h"),
             os.path.join(HERE, "peers", "peer.h"), os.path.join(HERE, "peers.py")]
    if os.path.exists(program) and \
            os.path.getmtime(program) > max(os.path.getmtime(part) for part in parts):
        return program
    os.makedirs(made, exist_ok=True)
    more = peer.prepare(made) if peer.prepare else []
    compiler = ["c++", "-std=c++17"] if peer.source.endswith(".cc") else ["cc", "-std=gnu17"]
    sh(*compiler, "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-I", made, "-I", HERE, "-o",
       program, peer.source, *more, *peer.flags, "-lpthread")
    return program


def version(package):
    if package is None:
        return "kernel " + os.uname().release
    done = subprocess.run(["dpkg-query", "-W", "-f=${Version}", package], text=True,
                          capture_output=True, check=False)
    return done.stdout.strip() or "unknown"
