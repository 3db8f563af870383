#!/bin/sh
# Fails when a C file is not as clang-format-19 would have it; with --fix, writes it.
set -eu
cd "$(dirname "$0")/.."
if [ "${1:-}" = --fix ]; then
    git ls-files '*.c' '*.h' | xargs clang-format-19 -i
else
    git ls-files '*.c' '*.h' | xargs clang-format-19 --dry-run --Werror
    echo "$(git ls-files '*.c' '*.h' | wc -l) files are in form"
fi
