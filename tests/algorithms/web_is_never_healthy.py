#!/usr/bin/env python3
"""Answers /health with 503; prints its pid."""

from __future__ import annotations

import os

from web_server import serve

print(os.getpid(), flush=True)
serve(lambda: 503, lambda: 201)
