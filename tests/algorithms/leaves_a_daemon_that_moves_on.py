#!/usr/bin/env python3
"""Leaves a daemon that is another process, in another session, every 10 ms, and writes its pids to a file.

Arguments: the file.
"""

from __future__ import annotations

import os
import pathlib
import sys
import time

if os.fork() == 0:
    for _ in range(3000):
        if os.fork():
            os._exit(0)
        os.setsid()
        with pathlib.Path(sys.argv[1]).open("a") as file:
            print(os.getpid(), file=file)
        time.sleep(0.01)
time.sleep(0.1)
