#!/usr/bin/env python3
"""Answers every task with 500."""

from __future__ import annotations

from web_server import serve

serve(lambda: 200, lambda: 500)
