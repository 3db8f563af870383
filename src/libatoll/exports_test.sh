#!/bin/sh
# What leaves libatoll: atoll_* only, and nothing needed but libc.
#   exports_test.sh libatoll.so libatoll.a
set -eu
fail=0

alien=$(nm -D --defined-only "$1" | awk '{print $NF}' | grep -v '^atoll_' || true)
if [ -n "$alien" ]; then
    echo "libatoll.so exports what is not atoll_*: $alien"
    fail=1
fi
needed=$(readelf -d "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' |
    grep -Ev '^(libc\.so\.6|ld-linux.*|lib[atu]san\..*|libubsan\..*|libpthread\..*|libm\.so.*|libgcc_s\..*)$' || true)
if [ -n "$needed" ]; then
    echo "libatoll.so needs more than libc: $needed"
    fail=1
fi
if ! readelf -d "$1" | grep -q 'SONAME.*\[libatoll\.so\.0\]'; then
    echo "libatoll.so is not libatoll.so.0"
    fail=1
fi
leaked=$(nm -g --defined-only "$2" | awk 'NF == 3 {print $3}' | grep -v '^atoll_' || true)
if [ -n "$leaked" ]; then
    echo "libatoll.a leaks names into its user's program: $leaked"
    fail=1
fi
exit $fail
