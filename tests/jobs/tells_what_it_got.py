#!/usr/bin/env python3
"""Trains or processes nothing: what it was given, it leaves as its model and its output."""

import json
import os
import sys
from pathlib import Path

ROOT = Path(os.environ.get("ML_ROOT", "/opt/ml"))


def files(folder):
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


told = {
    "argv": sys.argv[1:],
    "environment": dict(os.environ),
    "input": files(ROOT / "input"),
    "config": files(ROOT / "config"),
    "processing": files(ROOT / "processing"),
    "checkpoints": files(ROOT / "checkpoints"),
}
config = next(folder for folder in (ROOT / "input" / "config", ROOT / "config") if folder.is_dir())
host = json.loads((config / "resourceconfig.json").read_text())["current_host"]
for folder in (ROOT / "model", ROOT / "output" / "data", ROOT / "processing" / "out"):
    if folder.is_dir():
        (folder / f"{host}.json").write_text(json.dumps(told))
        (folder / "who").write_text(host)
if (ROOT / "checkpoints").is_dir():
    (ROOT / "checkpoints" / "state").write_text("epoch 2")
(ROOT / "output" / "message").write_text("All told.")
print("loss=0.5; accuracy=0.7")
print("loss=0.25; accuracy=none")
print("to stderr", file=sys.stderr)
