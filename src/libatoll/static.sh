#!/bin/sh
# libatoll.a: one object of all rooms in which every hidden symbol is local, so that linking it
# adds nothing but atoll_* to the user's names.
#   static.sh PART.a ROOM.a … OUTPUT WORK-DIRECTORY
# JOIN: the command that makes one object of several, a linker or a compiler that drives it.
set -eu
part=$1
shift
rooms=
while [ $# -gt 2 ]; do
    rooms="$rooms $1"
    shift
done
out=$1
work=$2
mkdir -p "$work"
# shellcheck disable=SC2086 # a list of paths without blanks
case $JOIN in
ld\ *) pass= ;;
*) pass=-Wl, ;;
esac
# shellcheck disable=SC2086 # as above, and a command of several words
$JOIN -o "$work/atoll.o" ${pass}--whole-archive "$part" ${pass}--no-whole-archive \
    ${pass}--start-group $rooms ${pass}--end-group
"${OBJCOPY:-objcopy}" --localize-hidden "$work/atoll.o"
rm -f "$out"
"${AR:-ar}" rcs "$out" "$work/atoll.o"
