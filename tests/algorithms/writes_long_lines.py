#!/usr/bin/env python3
"""Writes a line of 100,000 characters of two bytes each, after one of one byte, and another line."""

from __future__ import annotations

import sys

sys.stderr.buffer.write(b"x" + "é".encode() * 100_000 + b"\nshort\n")
