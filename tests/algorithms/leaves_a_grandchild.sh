#!/bin/sh
# Ends with 3 while a process that it started still runs, whose pid it prints.
sleep 300 &
echo $!
exit 3
