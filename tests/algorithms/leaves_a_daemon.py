#!/usr/bin/env python3
"""Starts a daemon, in a session of its own and with no parent left, prints its pid, and ends or goes on.

Arguments: `ends` or `goes-on`.
"""

from __future__ import annotations

import os
import sys
import time

if os.fork() == 0:
    os.setsid()
    daemon = os.fork()
    if daemon:
        # Not by the daemon itself, which may be ended before it comes to print.
        print(daemon, flush=True)
    else:
        time.sleep(300)
    os._exit(0)
os.wait()
if sys.argv[1] == "goes-on":
    time.sleep(300)
