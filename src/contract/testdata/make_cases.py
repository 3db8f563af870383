#!/usr/bin/python3
"""Compiles a file of cases into one file that contract tests read: make_cases.py PROTOC ROOT IN OUT.

A case is a rule and what comes of some contracts:

    == FIELD_NO_DELETE source
    old text
    -- breaks
    new text
    -- fine
    another new text

A text is one file t/v1/t.proto of proto3 and package t.v1 unless it says otherwise; a line
`@ a/b.proto` begins another file, which says everything itself. Lines that begin with `#` between
cases are comments.

OUT is a list of cases: name, note, then parts (label, descriptor set), ended by an empty label.
Every item is a length (32 bits, little-endian) and bytes.
"""
import os
import re
import subprocess
import struct
import sys
import tempfile

DEFAULT = "t/v1/t.proto"


def files_of(text):
    """path -> content"""
    files, path = {}, DEFAULT
    for line in text.splitlines():
        if line.startswith("@ "):
            path = line[2:].strip()
            files[path] = ""
        elif path in files or line.strip():
            files[path] = files.get(path, "") + line + "\n"
    if DEFAULT in files and "syntax" not in files[DEFAULT] and "@ " + DEFAULT not in text:
        # On the lines before the first one, so that a place in the text is easy to tell.
        files[DEFAULT] = 'syntax = "proto3"; package t.v1;\n' + files[DEFAULT]
    return files


def compile_set(protoc, root, text):
    with tempfile.TemporaryDirectory() as folder:
        files = files_of(text)
        for path, content in files.items():
            os.makedirs(os.path.dirname(os.path.join(folder, path)) or folder, exist_ok=True)
            with open(os.path.join(folder, path), "w", encoding="utf-8") as f:
                f.write(content)
        out = os.path.join(folder, "out.set")
        done = subprocess.run([protoc, "-I", folder, "-I", root, "--include_imports",
                               "--include_source_info", "-o", out, *files],
                              capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"{done.stderr}\nin:\n{text}")
        with open(out, "rb") as f:
            return f.read()


def cases_of(text):
    """(name, note, [(label, text)])"""
    found = []
    for block in re.split(r"^== ", text, flags=re.M)[1:]:
        head, _, rest = block.partition("\n")
        name, _, note = head.strip().partition(" ")
        pieces = re.split(r"^-- (.*)\n", rest, flags=re.M)
        parts = [("old", pieces[0])] if pieces[0].strip() else []
        for label, body in zip(pieces[1::2], pieces[2::2]):
            parts.append((label.strip(), re.sub(r"^#.*\n?", "", body, flags=re.M)))
        found.append((name, note.strip(), parts))
    return found


def main(protoc, root, source, target):
    with open(source, encoding="utf-8") as f:
        cases = cases_of(f.read())
    compiled = {}

    def item(data):
        data = data if isinstance(data, bytes) else data.encode()
        return struct.pack("<I", len(data)) + data

    with open(target, "wb") as out:
        for name, note, parts in cases:
            out.write(item(name) + item(note))
            for label, text in parts:
                if text not in compiled:
                    compiled[text] = compile_set(protoc, root, text)
                out.write(item(label) + item(compiled[text]))
            out.write(item(""))


main(*sys.argv[1:])
