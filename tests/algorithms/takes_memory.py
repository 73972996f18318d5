#!/usr/bin/env python3
"""Takes 400 MiB of memory, in a process that it starts; ends with the code of that."""

from __future__ import annotations

import subprocess
import sys

sys.exit(subprocess.run([sys.executable, "-c", "held = b'x' * (400 << 20)"]).returncode)
