#!/usr/bin/env python3
"""Does each task, and says so on stderr at length, which number it was and its own pid."""

from __future__ import annotations

import itertools
import os
import sys

from web_server import serve

_count = itertools.count(1)


def invoke() -> int:
    print("working\n" * 3000, end="", file=sys.stderr)
    print(f"task {next(_count)} by {os.getpid()}", file=sys.stderr)
    print("part of a line", end="", file=sys.stderr, flush=True)
    return 201


serve(lambda: 200, invoke)
