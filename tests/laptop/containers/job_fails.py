#!/usr/bin/env python3
"""A processing job that fails. It has neither `serve` nor `train`."""

import sys

sys.exit(127 if sys.argv[1:] else 1)
