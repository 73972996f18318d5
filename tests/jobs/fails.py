#!/usr/bin/env python3
"""Fails with a reason in its file, or, with the hyperparameter silent, without."""

import json
import os
import sys
from pathlib import Path

ROOT = Path(os.environ.get("ML_ROOT", "/opt/ml"))
config = ROOT / "input" / "config" / "hyperparameters.json"
hyperparameters = json.loads(config.read_text()) if config.is_file() else {}
print("cannot go on", flush=True)
if "silent" not in hyperparameters and (ROOT / "output").is_dir():
    (ROOT / "output" / "failure").write_text("The data is bad: " + "ä" * 2000)
sys.exit(3)
