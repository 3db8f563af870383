#!/bin/sh
# Fails when one of our objects calls what we never call: banned.sh BUILD_DIR
set -eu
banned='strcpy|strcat|sprintf|vsprintf|gets|strtok|atoi|atol|rand|srand|system|popen|gmtime|localtime|asctime|ctime'
build=${1:-build}
found=0
count=0
for object in $(find "$build/src" "$build/examples" -name '*.o' ! -name '*_test.c.o' ! -path '*test*' | sort); do
    count=$((count + 1))
    hits=$(nm -A -u "$object" 2>/dev/null | grep -E " U (__)?($banned)(_chk)?(@|$)" || true)
    if [ -n "$hits" ]; then
        echo "$hits"
        found=1
    fi
done
if [ "$count" = 0 ]; then
    echo "no object under $build/src: wrong folder?" >&2
    exit 1
fi
echo "$count objects looked at"
exit $found
