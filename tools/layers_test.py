#!/usr/bin/python3
"""The layer check itself: it must let the good pass and find every way around the rule."""
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
RULES = "base:\nnet: base\nroles/door: base net\nroles/clerk: base\n"
CASES = [
    ("an include downwards passes", "net/a.c", '#include "base/b.h"', True),
    ("an include in the own room passes", "net/a.c", '#include "net/n.h"', True),
    ("a generated header passes", "net/a.c", '#include "made.h"', True),
    ("an include upwards fails", "base/a.c", '#include "net/n.h"', False),
    ("an include upwards in angle brackets of the public API fails", "base/a.c",
     "#include <atoll/atoll.h>", False),
    ("an include of another role fails", "roles/clerk/a.c", '#include "roles/door/d.h"', False),
    ("a way around by .. fails", "base/a.c", '#include "../net/n.h"', False),
    ("a header of no room fails", "net/a.c", '#include "elsewhere/x.h"', False),
    ("a folder that is no room fails", "new/a.c", "", False),
]


def tree(root, path, text):
    os.makedirs(os.path.join(root, "tools"))
    with open(os.path.join(root, "tools", "layers.txt"), "w", encoding="utf-8") as f:
        f.write(RULES)
    files = {"base/b.h": "", "net/n.h": "", "roles/door/d.h": "", "roles/clerk/c.h": "", path: text}
    for room in ("base", "net", "roles/door", "roles/clerk"):
        files[room + "/README.md"] = "#"
    for name, content in files.items():
        os.makedirs(os.path.join(root, "src", os.path.dirname(name)), exist_ok=True)
        with open(os.path.join(root, "src", name), "w", encoding="utf-8") as f:
            f.write(content)


def main():
    failed = 0
    for name, path, text, good in CASES:
        with tempfile.TemporaryDirectory() as root:
            tree(root, path, text)
            code = subprocess.run([sys.executable, os.path.join(HERE, "layers.py"), root],
                                  capture_output=True, check=False).returncode
            held = (code == 0) == good
            failed += not held
            print(f"{'ok' if held else 'not ok'} - {name}")
    return 1 if failed else 0


sys.exit(main())
