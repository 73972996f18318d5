#!/usr/bin/env python3
"""Ends with 7 when it gets a task, after a word on stderr; there is one before any task, too."""

from __future__ import annotations

import os

from web_server import serve


def invoke() -> int:
    os.write(2, b"I cannot\n")
    os._exit(7)


os.write(2, b"ready\n")
serve(lambda: 200, invoke)
