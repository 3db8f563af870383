#!/usr/bin/python3
"""The recursion check finds a way back through one file, several files, and a table."""
import os
import subprocess
import sys
import tempfile

CHECK = os.path.join(os.path.dirname(os.path.abspath(__file__)), "recursion.py")
NOINLINE = "__attribute__((noinline))"
CASES = [
    ("itself", True, [f"int f(int n) {{ return n < 2 ? 1 : n * f(n - 1) + 1 / f(n - 2); }}"]),
    ("a static function of its own", True,
     [f"static int g(int n);\n"
      f"{NOINLINE} static int f(int n) {{ return n ? 1 + g(n - 1) * g(n / 3) : 7; }}\n"
      f"{NOINLINE} static int g(int n) {{ return n & 8 ? 3 + f(n / 2) * f(n / 5) : 5; }}\n"
      f"int h(int n) {{ return f(n); }}"]),
    ("another file", True,
     ["int g(int n); int f(int n) { return n ? 1 + g(n - 1) : 0; }",
      "int f(int n); int g(int n) { return n ? 2 + f(n - 1) : 0; }"]),
    ("another file, called last", True,
     ["int g(int n); int f(int n) { return g(n - 1); }",
      "int f(int n); int g(int n) { return n ? f(n - 1) : 0; }"]),
    ("a rarely used branch", True,
     [f"void log_it(int n) __attribute__((cold));\n"
      f"{NOINLINE} static int f(int n);\n"
      f"{NOINLINE} __attribute__((cold)) static int rare(int n) {{ log_it(n); return f(n) + 1; }}\n"
      f"static int f(int n) {{ return n > 99 ? rare(n) + 2 : n * 3; }}\n"
      f"int h(int n) {{ return f(n); }}"]),
    ("a table of functions", True,
     ["typedef int step(int n); static int f(int n);\n"
      "static int two(int n) { return n; }\n"
      "static step *volatile const steps[] = {f, two};\n"
      "static int f(int n) { return 1 + steps[n & 1](n - 1); }\n"
      "int h(int n) { return steps[n & 1](n); }"]),
    ("nothing", False,
     ["int g(int n); int f(int n) { int s = 0; while (n-- > 0) { s += g(n); } return s; }",
      "int g(int n) { return n / 2; }"]),
    ("a comparison that qsort() calls", False,
     ["#include <stdlib.h>\n"
      "static int by(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }\n"
      "void f(int *at, size_t n) { qsort(at, n, sizeof(*at), by); }"]),
]


def flagged(sources, compiler, level):
    with tempfile.TemporaryDirectory() as folder:
        room = os.path.join(folder, "src", "pb")
        os.makedirs(room)
        for i, source in enumerate(sources):
            path = os.path.join(room, f"file{i}.c")
            with open(path, "w", encoding="utf-8") as f:
                f.write(source)
            subprocess.run([compiler, level, "-g", "-fPIE", "-c", "-o", path[:-1] + "o", path],
                           check=True)
        done = subprocess.run([sys.executable, CHECK, folder, "pb"], capture_output=True, text=True,
                              check=False)
        return "can call themselves" in done.stdout


def main():
    wrong = 0
    for name, expected, sources in CASES:
        for compiler in ("gcc", "clang"):
            for level in ("-O0", "-O2"):
                # A file without any call has nothing to look at: fine, nothing is flagged.
                if flagged(sources, compiler, level) != expected:
                    wrong += 1
                    print(f"a function that calls {name}: {'not found' if expected else 'flagged'}"
                          f" ({compiler} {level})")
    print(f"{len(CASES)} cases, {wrong} wrong")
    return 1 if wrong else 0


sys.exit(main())
