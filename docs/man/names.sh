#!/bin/sh
# Fails when the page does not name a function that a header exports: names.sh PAGE HEADER...
# atoll_unimplemented() is for generated code alone.
page=$1
shift
missing=
count=0
for name in $(sed -n 's/^ATOLL_EXPORT .*[ *]\(atoll_[a-z0-9_]*\)(.*/\1/p' "$@"); do
    count=$((count + 1))
    [ "$name" = atoll_unimplemented ] || grep -qw -- "$name" "$page" || missing="$missing $name"
done
[ "$count" -eq "$(cat "$@" | grep -c '^ATOLL_EXPORT ')" ] ||
    { echo "$count names of exported functions were understood, not all"; exit 1; }
[ -z "$missing" ] || { echo "$page does not name:$missing"; exit 1; }
