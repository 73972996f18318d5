#!/usr/bin/env python3
"""Runs until SIGTERM, then saves what it has. Where it finds a checkpoint it goes on to the end."""

import os
import signal
import sys
from pathlib import Path

ROOT = Path(os.environ.get("ML_ROOT", "/opt/ml"))
checkpoint = ROOT / "checkpoints" / "state"
saved = ROOT / "model" if (ROOT / "model").is_dir() else ROOT / "processing" / "out"


def stop(*_):
    checkpoint.parent.mkdir(exist_ok=True)
    checkpoint.write_text("half")
    (saved / "weights").write_text("half")
    print("saved", flush=True)
    sys.exit(0)


if checkpoint.is_file():
    (saved / "weights").write_text(checkpoint.read_text() + " and whole")
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
print("running", flush=True)
while True:
    signal.pause()
