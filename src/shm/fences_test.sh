#!/bin/sh
# Are the orders of docs/decisions (the memory orders of a channel) in the compiled code?
#   fences_test.sh libat_shm.a SOURCE_ROOT
set -eu

# file, objdump, function, pattern, how often at least
has() {
    n=$($2 -d --no-show-raw-insn "$1" 2>/dev/null |
        awk -v f="<$3>:" '/^[0-9a-f]+ </ { on = $2 == f } on' | grep -cE "$4" || true)
    if [ "$n" -lt "$5" ]; then
        echo "$3 in $1: '$4' $n times, must be $5" >&2
        exit 1
    fi
}

case $(uname -m) in
x86_64)
    # A seq_cst store is an exchange with memory.
    for f in at_channel_publish_silently at_channel_tell at_channel_arm; do
        has "$1" objdump $f 'xchg .*\(%|mfence|lock ' 1
    done
    ;;
aarch64)
    for f in at_channel_publish_silently at_channel_tell at_channel_arm; do
        has "$1" objdump $f 'stlr|dmb' 1
    done
    ;;
esac

cross=aarch64-linux-gnu
if ! command -v $cross-gcc >/dev/null || ! [ -e /usr/$cross/include/stdint.h ]; then
    echo "arm64 not looked at: gcc-$cross and libc6-dev-arm64-cross are not installed"
    exit 0
fi
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
$cross-gcc -O2 -std=gnu17 -D_GNU_SOURCE -march=armv8.3-a -I "$2/src" -I "$2/include" \
    -c "$2/src/shm/channel.c" -o "$out/channel.o"
for f in at_channel_publish_silently at_channel_tell at_channel_arm at_channel_set_credit; do
    has "$out/channel.o" $cross-objdump $f 'stlr' 1
done
# Both looks before sleep, and not by ldapr.
has "$out/channel.o" $cross-objdump at_channel_arm 'ldar' 2
echo "x86-64 and arm64: the stores and loads are what the orders need"
