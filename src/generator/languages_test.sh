#!/bin/sh
# Compiles what the generator makes of our test contracts and of protobuf's own as C11 and C++17,
# with every warning that this project uses as an error.
# languages_test.sh PROTOC PLUGIN SOURCE_ROOT
set -eu
protoc=$1 plugin=$2 root=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$protoc" --plugin=protoc-gen-atoll="$plugin" --atoll_out="$work" -I "$root/src/generator/testdata" \
    -I "$root/proto" -I /usr/include $(cd "$root/src/generator/testdata" && ls *.proto) \
    google/api/http.proto google/api/annotations.proto atoll/options.proto \
    $(cd /usr/include && ls google/protobuf/*.proto)

warnings="-Wall -Wextra -Wpedantic -Werror -Wshadow -Wpointer-arith -Wcast-qual -Wwrite-strings
    -Wvla -Wundef -Wformat=2 -Wconversion -Wno-sign-conversion -Wdouble-promotion
    -Wnull-dereference -Walloca"
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

# `option deprecated` warns whoever uses what has it, and nobody else.
use=$root/src/generator/testdata/deprecated_use_test.c
grep -n '/\* warned \*/' "$use" | cut -d: -f1 >"$work/expected"
for compiler in gcc clang "g++ -x c++" "clang++ -x c++"; do
    command -v ${compiler%% *} >/dev/null || continue
    $compiler -Wall -Wextra -I "$root/include" -I "$work" -fsyntax-only "$use" 2>"$work/said"
    sed -n 's/.*deprecated_use_test.c:\([0-9]*\):.*\[-Wdeprecated-declarations\]$/\1/p' "$work/said" |
        sort -nu >"$work/warned"
    cmp -s "$work/expected" "$work/warned" || {
        echo "$compiler does not warn where it should:"
        diff "$work/expected" "$work/warned" || true
        exit 1
    }
    ! grep -q 'deprecated.*atoll\.h:.*warning' "$work/said" || { cat "$work/said"; exit 1; }
done

# Comments of the .proto stand in the header, and none of them can be more than a comment.
while read -r line; do
    grep -qF -- "$line" "$work/comments.atoll.h" || { echo "lacks the comment: $line"; exit 1; }
done <<'END'
/* A licence stands here, detached from everything. */
/* About the file: what is in it. */
/* A thought that belongs to nothing. */
/* About the package. */
/* Detached from the message. */
 * Grüße, 世界 and 🙂: * / ends nothing, / * begins nothing, ? ?/ is no trigraph,
 * and nothing turns around.
     * Leading.
     * Trailing.
     * of two lines.
    /* Only trailing. */
    /* Which one. */
        /* The first. */
/* Of the enum. */
    /* Of the value. */
/* Of the service. */
    /* Of the method. */
/* Of the stream. */
END

# Who includes a header and uses nothing of it gets nothing of it, not even without optimisation.
for cc in gcc clang; do
    command -v $cc >/dev/null || continue
    (cd "$work" && ls *.h | sed 's/.*/#include "&"/') >"$work/nothing.c"
    $cc -O0 -c -I "$root/include" -I "$work" -o "$work/nothing.o" "$work/nothing.c"
    [ -z "$(nm "$work/nothing.o")" ] || { nm "$work/nothing.o"; exit 1; }
done

# The same input gives the same bytes.
mkdir "$work/again"
"$protoc" --plugin=protoc-gen-atoll="$plugin" --atoll_out="$work/again" \
    -I "$root/src/generator/testdata" -I "$root/proto" -I /usr/include everything.proto
cmp "$work/everything.atoll.c" "$work/again/everything.atoll.c"

# What cannot be made is said in one sentence.
cat >"$work/bad.proto" <<'END'
syntax = "proto3";
package bad.v1;
import "atoll/options.proto";
message A {}
service S {
  rpc Get(A) returns (A) { option (atoll.method).timeout = "2"; }
}
END
if "$protoc" --plugin=protoc-gen-atoll="$plugin" --atoll_out="$work/again" -I "$work" \
    -I "$root/proto" -I /usr/include bad.proto 2>"$work/said"; then
    echo "a timeout that is none was not refused"
    exit 1
fi
grep -q 'bad.v1.S.Get: (atoll.method).timeout is "2", which is no duration' "$work/said"
echo "$compiled files compiled"
