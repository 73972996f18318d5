#!/bin/sh
# 150 numbered lines on stderr, the last of 5,000 characters.
i=1
while [ $i -lt 150 ]; do
    echo "line $i" >&2
    i=$((i + 1))
done
printf '%05000d\n' 150 >&2
