#!/usr/bin/env python3
"""Writes to stdout and stderr without end, without a newline; to stderr what is no UTF-8."""

from __future__ import annotations

import os

while True:
    for _ in range(10):
        os.write(1, b"x" * 65536)
    os.write(2, b"\xff" * 65536)
