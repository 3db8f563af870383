#!/bin/sh
# The codec and protoc (libprotobuf) agree: each file of a corpus is taken or refused by both, and
# what we write again means the same to protoc.
# protoc_agrees_test.sh PROTOC REWRITE SOURCE_ROOT [CORPUS]
set -u
protoc=$1 rewrite=$2 root=$3 corpus=${4:-$3/fuzz/corpus/pb}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

said() {
    "$protoc" --decode=test.v1.Everything -I "$root/src/generator/testdata" -I "$root/proto" \
        everything.proto <"$1" >"$2" 2>/dev/null
}
files=0 wrong=0
for file in "$corpus"/*; do
    files=$((files + 1))
    "$rewrite" <"$file" >"$work/again" 2>"$work/why"
    ours=$?
    said "$file" "$work/before"
    theirs=$?
    if [ $ours -ne $theirs ]; then
        echo "$file: we say $ours, protoc says $theirs: $(cat "$work/why")"
        wrong=$((wrong + 1))
    elif [ $ours -eq 0 ]; then
        said "$work/again" "$work/after"
        cmp -s "$work/before" "$work/after" || { echo "$file: means something else when written again"; wrong=$((wrong + 1)); }
    fi
done
[ $files -gt 0 ] || { echo "no files in $corpus"; exit 1; }
echo "$files files, $wrong wrong"
[ $wrong -eq 0 ]
