#!/bin/sh
# A shell that dies of SIGTERM, while its child takes its time to save, then prints "saved".
sh -c 'trap "sleep 0.3; echo saved; exit" TERM; echo ready; while :; do sleep 0.05; done' &
wait
