#!/bin/sh
# Fails when groff has anything to say about the page: check.sh GROFF PAGE
warnings=$("$1" -K utf8 -man -Tutf8 -ww "$2" 2>&1 >/dev/null)
[ -z "$warnings" ] || { echo "$warnings"; exit 1; }
