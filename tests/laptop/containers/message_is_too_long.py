#!/usr/bin/env python3
"""Processes alone, and says more than an ExitMessage holds."""

import sys

from well_behaved import ML

if len(sys.argv) > 1:
    sys.exit(127)  # it knows no such command
(ML / "output" / "message").write_text("All is well. " * 100)
