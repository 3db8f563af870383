#!/usr/bin/python3
"""Fails when a room includes what tools/layers.txt does not allow it: layers.py ROOT."""
import os
import re
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s+(?:"([^"]+)"|<(atoll/[^>]+)>)', re.M)


def read_rules(path):
    rules = {}
    for line in open(path, encoding="utf-8"):
        line = line.split("#")[0].strip()
        if not line:
            continue
        room, _, allowed = line.partition(":")
        for other in allowed.split():
            if other not in rules:
                sys.exit(f"{path}: {room} names {other}, which does not stand above it")
        rules[room.strip()] = set(allowed.split())
    return rules


def room_of(rules, path):
    """The longest listed room that is a folder prefix of path."""
    parts = path.split("/")
    for n in range(len(parts) - 1, 0, -1):
        if "/".join(parts[:n]) in rules:
            return "/".join(parts[:n])
    return None


def sources(root):
    for folder, _, names in os.walk(os.path.join(root, "src")):
        for name in names:
            if name.endswith((".c", ".h")):
                yield os.path.join(folder, name)


def main(root):
    rules = read_rules(os.path.join(root, "tools", "layers.txt"))
    src = os.path.join(root, "src")
    wrong, files = [], 0
    for path in sources(root):
        files += 1
        here = os.path.relpath(path, src)
        room = room_of(rules, here)
        if room is None:
            wrong.append(f"src/{here}: its folder is no room of tools/layers.txt")
            continue
        if not os.path.exists(os.path.join(src, room, "README.md")):
            wrong.append(f"src/{room}: has no README.md")
        text = open(path, encoding="utf-8").read()
        for quoted, public in INCLUDE.findall(text):
            if public:
                other = "public"
            elif ".." in quoted.split("/"):
                wrong.append(f"src/{here}: includes {quoted}: name a header by its room")
                continue
            elif "/" not in quoted:
                continue  # of its own folder, generated, or a test's own header
            elif os.path.exists(os.path.join(src, quoted)):
                other = room_of(rules, quoted)
            else:
                wrong.append(f"src/{here}: includes {quoted}, which is in no room")
                continue
            if other != room and other not in rules[room]:
                wrong.append(f"src/{here}: includes {quoted or public}: {room} may not touch {other}")
    for line in sorted(set(wrong)):
        print(line)
    if files == 0:
        sys.exit("no source file was found: wrong root?")
    print(f"{files} files in {len(rules)} rooms, {len(set(wrong))} against the rule")
    sys.exit(1 if wrong else 0)


main(sys.argv[1] if len(sys.argv) > 1 else ".")
