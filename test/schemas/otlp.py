"""The descriptors inside of the *_pb2.py of a wheel, as a FileDescriptorSet on stdout: imports first.
The modules are parsed, not run."""
import ast
import sys
import zipfile


def varint(n):
    out = b""
    while n > 0x7F:
        out += bytes([n & 0x7F | 0x80])
        n >>= 7
    return out + bytes([n])


def serialized(source):
    """The bytes given to AddSerializedFile()."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "AddSerializedFile":
            return node.args[0].value
    raise ValueError("no descriptor")


files = {}
with zipfile.ZipFile(sys.argv[1]) as wheel:
    for name in wheel.namelist():
        if name.endswith("_pb2.py"):
            files[name.replace("_pb2.py", ".proto").encode()] = serialized(wheel.read(name))
written = []
while len(written) < len(files):
    for name, content in sorted(files.items()):
        # A file names what it imports; its own name comes first.
        needs = [n for n in files if n != name and n in content]
        if name not in written and all(n in written for n in needs):
            written.append(name)
            sys.stdout.buffer.write(b"\x0a" + varint(len(content)) + content)
