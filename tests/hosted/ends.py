#!/usr/bin/env python3
"""Says why it cannot serve, and ends."""

import sys

print("loading the model", flush=True)
print("KeyError: 'weights'", file=sys.stderr, flush=True)
sys.exit(7)
