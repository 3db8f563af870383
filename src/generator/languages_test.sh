#!/bin/sh
# Compiles what the generator makes of our test contracts and of protobuf's own as C11 and C++17,
# with every warning that this project uses as an error.
# languages_test.sh PROTOC PLUGIN SOURCE_ROOT
set -eu
protoc=$1 plugin=$2 root=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$protoc" --plugin=protoc-gen-atoll="$plugin" --atoll_out="$work" -I "$root/src/generator/testdata" \
    -I "$root/proto" -I /usr/include everything.proto names.proto new.proto old.proto \
    google/api/http.proto google/api/annotations.proto \
    $(cd /usr/include && ls google/protobuf/*.proto)

warnings="-Wall -Wextra -Wpedantic -Werror -Wshadow -Wpointer-arith -Wcast-qual -Wwrite-strings
    -Wvla -Wundef -Wformat=2 -Wconversion -Wno-sign-conversion -Wdouble-promotion"
c_warnings="-Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition"
compiled=0
for cc in gcc clang; do
    command -v $cc >/dev/null || continue
    for file in $(cd "$work" && find . -name '*.c'); do
        $cc -std=c11 $warnings $c_warnings -I "$root/include" -I "$work" -fsyntax-only "$work/$file"
        compiled=$((compiled + 1))
    done
done
for cxx in g++ clang++; do
    command -v $cxx >/dev/null || continue
    for file in $(cd "$work" && find . -name '*.h'); do
        echo "#include \"$file\"" >"$work/header.cc"
        $cxx -std=c++17 $warnings -Wold-style-cast -I "$root/include" -I "$work" -fsyntax-only \
            "$work/header.cc"
        compiled=$((compiled + 1))
    done
done
[ $compiled -gt 0 ] || { echo "no compiler was found"; exit 1; }

# The same input gives the same bytes.
mkdir "$work/again"
"$protoc" --plugin=protoc-gen-atoll="$plugin" --atoll_out="$work/again" \
    -I "$root/src/generator/testdata" -I "$root/proto" -I /usr/include everything.proto
cmp "$work/everything.atoll.c" "$work/again/everything.atoll.c"

# What cannot be made is said in one sentence.
printf 'syntax = "proto3";\nmessage A { message B {} }\nmessage A_B {}\n' >"$work/clash.proto"
if "$protoc" --plugin=protoc-gen-atoll="$plugin" --atoll_out="$work/again" -I "$work" clash.proto \
    2>"$work/said"; then
    echo "a clash of names was not refused"
    exit 1
fi
grep -q 'A.B and A_B would both be called A_B in C: rename one of them' "$work/said"
echo "$compiled files compiled"
