#!/bin/sh
# Does not heed SIGTERM, nor does what it starts; prints its own pid and that of its child.
trap '' TERM
sleep 300 &
echo $$ $!
wait
