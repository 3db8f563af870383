#!/bin/sh
# Schemas found in practice: what protoc-gen-atoll makes of them compiles as C11, C++17 and C++20
# without a warning, all headers go together, and messages come back as they went.
#
#   run.sh PROTOC PLUGIN SOURCE_ROOT ROUNDTRIP [MORE]
#
# The schemas lie where Debian packages put them (tools/setup test). MORE: a folder with packages
# unpacked that would bring too much with them to be installed, and with otlp.set: see more.sh.
# Prints each file that it took.
set -eu
protoc=$1 plugin=$2 root=$3 roundtrip=$4 more=${5:-}
rounds=20
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
go=/usr/share/gocode/src

# A collection: folders to look for imports in, the first of which hold the schemas, and below which
# names there they are. A file with a name that an earlier folder has is not looked at: protobuf
# would not see it either.
collect() { # folder, find(1) arguments
    [ -d "$1" ] || return 0
    (cd "$1" && shift && find -L "$@" -name '*.proto' | sed 's|^\./||' | sort) >>"$work/files"
    roots="$roots -I $1"
}

compile_set() { # name of the collection, a FileDescriptorSet with all of it
    set_in="--descriptor_set_in=$2"
    "$protoc" --decode=google.protobuf.FileDescriptorSet -I /usr/include \
        google/protobuf/descriptor.proto <"$2" | sed -n 's/^  name: "\(.*\)"$/\1/p' >"$work/files"
    compile "$1"
    set_in=
}

compile() { # name of the collection; files in $work/files, folders in $roots
    out=$work/$1
    mkdir "$out"
    sort -u "$work/files" >"$work/list"
    "$protoc" --plugin=protoc-gen-atoll="$plugin" --atoll_out="$out" $set_in $roots \
        --include_imports --descriptor_set_out="$out/set.pb" $(cat "$work/list") 2>"$work/said" ||
        { cat "$work/said"; exit 1; }
    sed 's/^/  /' "$work/list"
    count=$(wc -l <"$work/list")
    total=$((total + count))

    # Every header, together: once for the compilers, once as the list that the round trip walks.
    (cd "$out" && find . -name '*.atoll.h' | sort | sed 's|^\./|#include "|; s|$|"|') >"$out/all.h"
    {
        cat "$out/all.h"
        echo 'const struct atoll_message_desc *const all_messages[] = {'
        (cd "$out" && find . -name '*.atoll.h' -exec \
            sed -n 's/^extern const struct atoll_message_desc \(.*\);/    \&\1,/p' {} +)
        echo '};'
        echo 'const size_t all_messages_count = sizeof(all_messages) / sizeof(all_messages[0]);'
    } >"$out/all.c"

    inc="-I $root/include -I $out"
    (cd "$out" && find . -name '*.atoll.c') >"$work/sources"
    for cc in gcc clang; do
        command -v $cc >/dev/null || continue
        xargs -P "$(nproc)" -n 16 $cc -std=c11 $warnings $c_warnings $inc -fsyntax-only \
            <<END
$(sed "s|^|$out/|" "$work/sources")
END
    done
    for cxx in g++ clang++; do
        command -v $cxx >/dev/null || continue
        for std in c++17 c++20; do
            $cxx -std=$std $warnings -Wold-style-cast $inc -fsyntax-only -x c++ "$out/all.h" \
                2>"$work/said" || { cat "$work/said"; exit 1; }
        done
    done
    gcc -std=c11 -O0 -fPIC -shared -o "$out/tables.so" -w $inc "$out/all.c" \
        $(sed "s|^|$out/|" "$work/sources")
    "$roundtrip" "$out/set.pb" "$out/tables.so" $rounds || wrong=$((wrong + count))
}

warnings="-Wall -Wextra -Wpedantic -Werror -Wshadow -Wpointer-arith -Wcast-qual -Wwrite-strings
    -Wvla -Wundef -Wformat=2 -Wconversion -Wno-sign-conversion -Wdouble-promotion
    -Wnull-dereference -Walloca
    -Wimplicit-fallthrough -Wswitch-enum"
c_warnings="-Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition"
total=0 wrong=0 set_in=

: >"$work/files"
roots=
collect "$root/proto" .
collect "$root/src/generator/testdata" . ! -name 'bad*'
collect "$root/examples/shop/proto" .
collect /usr/include google/protobuf
collect /usr/share/grpc-proto grpc ! -path '*/meshca/*'
collect "$go/github.com/gogo/googleapis" google
collect "$go/github.com/prometheus/client_model" io
collect "$go/google.golang.org/protobuf" internal/testprotos # of the Go implementation, for its tests
compile practice

if [ -n "$more" ]; then
    src=$more/usr/share/gocode/src
    begin() { echo "$1:"; : >"$work/files"; roots=; }

    begin "etcd"
    # Those of one folder name each other without it; who imports them with it cannot go along.
    collect "$more/etcd/etcd/etcdserver/etcdserverpb" .
    collect "$more/etcd" . ! -path '*/etcdserverpb/*' ! -path '*/v3election/*' ! -path '*/v3lock/*' \
        ! -path '*/functional/*' ! -path '*/lease/*'
    collect "$src/github.com/gogo/protobuf" gogoproto
    collect "$src/github.com/grpc-ecosystem/grpc-gateway/third_party/googleapis" google/api
    collect /usr/include google/protobuf
    compile etcd

    begin "containerd"
    collect "$src" github.com/containerd/containerd/api github.com/containerd/containerd/runtime
    collect "$src/github.com/grpc-ecosystem/grpc-gateway/third_party/googleapis" google/rpc
    collect "$src/github.com/gogo/protobuf" gogoproto
    collect /usr/include google/protobuf
    compile containerd

    begin "Gitaly"
    collect "$src/gitlab.com/gitlab-org/gitaly-proto" . -maxdepth 1
    collect /usr/include google/protobuf
    compile gitaly

    begin "Ignition robotics, OpenStreetMap, ONNX"
    collect "$more/usr/include/ignition/msgs8" ignition
    collect "$more/usr/include" osmpbf onnx
    compile robots

    begin "OpenTelemetry"
    compile_set otlp "$more/otlp.set"
fi

if [ $total -lt 30 ]; then
    echo "$total schemas are fewer than 30: tools/setup test installs the packages that have them"
    exit 1
fi
echo "schemas: $((total - wrong)) passed, $wrong failed"
[ $wrong = 0 ]
