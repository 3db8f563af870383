#!/usr/bin/python3
"""Fails when functions can call themselves, also around several files: recursion.py BUILD

Whoever sends us input must not choose how deep our stack grows; so in the rooms that read input
nothing calls itself at all. clang-tidy's misc-no-recursion sees one file at a time; this reads the
calls out of the object code of all rooms together and looks for a way back.

A call through a pointer is taken to reach every function of the same object whose address stands
in a table there (dispatchers are tables), and nothing else: callbacks from outside, a comparison
for qsort(), are not followed. A jump through a pointer grows no stack and counts as a loop.
"""
import collections
import glob
import os
import re
import subprocess
import sys

ROOMS = ["base", "pb", "contract", "generator", "wire", "plan"]
FUNCTION = re.compile(r"^[0-9a-f]+ <([^>]+)>:$")
CALL = re.compile(r"\t(?:call|jmp|j[a-z]+)\s")
INDIRECT = re.compile(r"\t(?:notrack )?(?:call|jmp)\s+\*%")
RELOC = re.compile(r"^\s+[0-9a-f]+: R_X86_64_(?:PLT32|PC32)\s+([^\s+-]+)(?:([+-])0x([0-9a-f]+))?")
TARGET = re.compile(r"<([^+>]+)(\+0x[0-9a-f]+)?>")
TABLE = re.compile(r"^[0-9a-f]+ R_X86_64_64\s+(\S+?)(?:\+0x([0-9a-f]+))?$")


def base(symbol):
    """Parts that the compiler split off a function, and its clones, are that function."""
    return re.sub(r"\.(?:part|cold|constprop|isra|lto_priv)(?:\.\d+)*", "", symbol)


def symbols(path):
    """Names of the functions that the object defines: {name: is it visible outside}, and by place."""
    known, places = {}, {}
    for line in subprocess.run(["objdump", "-t", path], capture_output=True, text=True,
                               check=True).stdout.splitlines():
        m = re.match(r"([0-9a-f]+) (.)......? ?.*?(\.text\S*)\t[0-9a-f]+\s+(?:\.hidden )?(\S+)$", line)
        if m and " F " in line:
            known[m.group(4)] = m.group(2) == "g"
            places[m.group(3), int(m.group(1), 16)] = m.group(4)
    return known, places


def tables(path, places):
    """Functions whose addresses stand in data of this object."""
    out, section = set(), ""
    for line in subprocess.run(["objdump", "-r", path], capture_output=True, text=True,
                               check=True).stdout.splitlines():
        if line.startswith("RELOCATION RECORDS FOR"):
            section = line.split("[")[1].rstrip("]:")
        m = TABLE.match(re.sub(r"\s+", " ", line)) if section.startswith(".data") else None
        if m:
            name, offset = m.group(1), int(m.group(2) or "0", 16)
            out.add(places.get((name, offset), name) if name.startswith(".text") else name)
    return out


def edges(path):
    """(caller, callee) of one object; local functions carry the object's name."""
    known, places = symbols(path)

    def full(symbol):
        name = base(symbol)
        return f"{name} in {os.path.basename(path)}" if known.get(symbol) is False else name

    pointed = {full(name) for name in tables(path, places) if name in known}
    text = subprocess.run(["objdump", "-dr", "--no-show-raw-insn", path], capture_output=True,
                          text=True, check=True).stdout
    caller, called, before, own = None, False, "", None
    for line in text.splitlines():
        m = RELOC.match(line)
        if m:  # what the line before shows is not the target then: this is
            own, name = None, m.group(1)
            if name.startswith("."):  # "section + where - 4": a static function of this object
                name = places.get((name, int((m.group(2) or "+") + (m.group(3) or "0"), 16) + 4))
            if called and name and (base(name) != base(caller) or "\tcall" in before):
                yield full(caller), full(name)
            continue
        if own:
            yield full(caller), full(own)
        own = None
        m = FUNCTION.match(line)
        if m:
            caller = m.group(1)
            continue
        called, before = bool(CALL.search(line)), line
        if INDIRECT.search(line) and "call" in line:
            for callee in pointed:
                yield full(caller), callee
        elif called:
            m = TARGET.search(line)
            # A jump within a function is a loop; a call to its start, or another's, is an edge.
            if m and not m.group(2) and (base(m.group(1)) != base(caller) or "\tcall" in line):
                own = m.group(1)
    if own:
        yield full(caller), full(own)


def cycles(graph):
    """Groups of functions that reach each other (Tarjan, without recursion, of course)."""
    index, low, stack, on, found = {}, {}, [], set(), []
    for root in list(graph):
        if root in index:
            continue
        work = [(root, iter(sorted(graph[root])))]
        index[root] = low[root] = len(index)
        stack.append(root)
        on.add(root)
        while work:
            node, rest = work[-1]
            for callee in rest:
                if callee not in index:
                    index[callee] = low[callee] = len(index)
                    stack.append(callee)
                    on.add(callee)
                    work.append((callee, iter(sorted(graph.get(callee, ())))))
                    break
                if callee in on:
                    low[node] = min(low[node], index[callee])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    group = []
                    while not group or group[-1] != node:
                        group.append(stack.pop())
                        on.discard(group[-1])
                    if len(group) > 1 or node in graph.get(node, ()):
                        found.append(group)
    return found


def main(build, rooms):
    graph = collections.defaultdict(set)
    objects = [o for room in rooms
               for o in glob.glob(f"{build}/src/{room}/**/*.o", recursive=True)
               if "_test." not in o]
    count = 0
    for path in objects:
        for caller, callee in edges(path):
            graph[caller].add(callee)
            count += 1
    if count == 0:
        print(f"no calls found below {build}/src: wrong folder, or not an x86-64 build?",
              file=sys.stderr)
        return 1
    found = cycles(graph)
    for group in found:
        print("these functions can call themselves: " + ", ".join(sorted(group)))
    print(f"{len(objects)} objects, {count} calls, {len(found)} ways back to the caller")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:] or ROOMS))
