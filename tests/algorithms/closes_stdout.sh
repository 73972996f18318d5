#!/bin/sh
# Closes stdout at once, and writes to stderr long after.
exec 1>&-
sleep 0.2
echo still here >&2
exit 4
