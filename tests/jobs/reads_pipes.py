#!/usr/bin/env python3
"""Reads two epochs of each channel, the second one only in part, and leaves what it read as its model."""

import json
import os
from pathlib import Path

ROOT = Path(os.environ.get("ML_ROOT", "/opt/ml"))
channels = json.loads((ROOT / "input" / "config" / "inputdataconfig.json").read_text())
for channel in channels:
    for epoch in (0, 1, 2):
        with (ROOT / "input" / "data" / f"{channel}_{epoch}").open("rb") as fifo:
            data = fifo.read(1) if epoch == 1 else fifo.read()
        (ROOT / "model" / f"{channel}_{epoch}").write_bytes(data)
