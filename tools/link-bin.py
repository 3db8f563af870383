#!/usr/bin/python3
"""Collects symlinks to our programs in one folder: link-bin.py FOLDER STAMP PROGRAM...

In the build tree they lie in many folders; `atoll` looks for the others beside itself.
"""
import os
import sys


def main(folder, stamp, programs):
    os.makedirs(folder, exist_ok=True)
    for program in programs:
        link = os.path.join(folder, os.path.basename(program))
        target = os.path.relpath(os.path.abspath(program), folder)
        if os.path.islink(link) and os.readlink(link) == target:
            continue
        if os.path.lexists(link):
            os.unlink(link)
        os.symlink(target, link)
    with open(stamp, "w", encoding="utf-8") as f:
        f.write("\n".join(programs) + "\n")


main(sys.argv[1], sys.argv[2], sys.argv[3:])
