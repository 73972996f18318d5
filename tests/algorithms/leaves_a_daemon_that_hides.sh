#!/bin/sh
# Starts a daemon that holds stdout, in a session and with an environment of its own, and ends.
# The daemon writes its pid to the file that is the argument.
setsid env -i /bin/sh -c 'echo $$ > "$0"; exec /bin/sleep 300' "$1" &
until [ -s "$1" ]; do sleep 0.01; done
echo the end
