#!/bin/sh
# clang-tidy-19 over every file of ours, with the compile commands of a clang build.
set -eu
cd "$(dirname "$0")/.."
build=${1:-build-clang}
[ -f "$build/build.ninja" ] || CC=clang meson setup "$build" >/dev/null
if ! made=$(ninja -C "$build" 2>&1); then # generated headers must exist
    echo "$made"
    exit 1
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! git ls-files 'src/*.c' 'examples/*.c' | grep -vE '_test\.c$|/test_[a-z]*\.c$|^src/sandbox/reaper' |
    xargs -P "$(nproc)" -n 4 clang-tidy-19 -p "$build" --quiet >"$log" 2>&1; then
    grep -vE '^\[[0-9]+/|^[0-9]+ warnings? generated|^Suppressed|^Use -header-filter' "$log"
    exit 1
fi
echo "$(git ls-files 'src/*.c' 'examples/*.c' | grep -vcE '_test\.c$|/test_[a-z]*\.c$|^src/sandbox/reaper') files are clean"
