#!/bin/sh
# Fails when one of our archives or programs calls what we never call: banned.sh BUILD_DIR
set -eu
banned='strcpy|strcat|sprintf|vsprintf|gets|strtok|atoi|atol|rand|srand|system|popen|gmtime|localtime|asctime|ctime'
build=${1:-build}
found=0
count=0
for archive in $(find "$build/src" -name 'libat_*.a' | sort); do
    count=$((count + 1))
    hits=$(nm -A -u "$archive" 2>/dev/null | grep -E " U (__)?($banned)(_chk)?(@|$)" || true)
    if [ -n "$hits" ]; then
        echo "$hits"
        found=1
    fi
done
if [ "$count" = 0 ]; then
    echo "no archive under $build/src: wrong folder?" >&2
    exit 1
fi
echo "$count archives looked at"
exit $found
