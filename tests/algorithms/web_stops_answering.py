#!/usr/bin/env python3
"""Answers /health once, never again; writes its pid to the file that is its second argument."""

from __future__ import annotations

import itertools
import os
import pathlib
import sys
import time

from web_server import serve

_count = itertools.count()
with pathlib.Path(sys.argv[2]).open("a") as _file:
    print(os.getpid(), file=_file)


def health() -> int:
    if next(_count):
        time.sleep(300)
    return 200


serve(health, lambda: 201)
