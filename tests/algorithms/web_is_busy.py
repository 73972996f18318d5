#!/usr/bin/env python3
"""Works on each task for 5 s, and cannot answer /health meanwhile."""

from __future__ import annotations

import time

from web_server import serve


def invoke() -> int:
    time.sleep(5)
    return 201


serve(lambda: 200, invoke)
