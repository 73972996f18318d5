#!/usr/bin/env python3
"""Leaves a daemon that is another process, in another session, every 10 ms, and writes its pids to a file.

Arguments: the file.
"""

from __future__ import annotations

import os
import pathlib
import sys
import time

pids = pathlib.Path(sys.argv[1])
if os.fork() == 0:
    for _ in range(3000):
        if os.fork():
            os._exit(0)
        os.setsid()
        with pids.open("a") as file:
            print(os.getpid(), file=file)
        time.sleep(0.01)
while not pids.exists() or not pids.stat().st_size:
    time.sleep(0.01)
time.sleep(0.1)
