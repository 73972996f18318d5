"""A model of 400 MB, of which each answer reads all; then it sums the rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

MEGABYTES = 400


def load(model_dir: Path) -> Any:
    return np.ones(MEGABYTES * 1_000_000 // 8)


def predict(model: Any, data: Any) -> Any:
    return np.asarray(data, dtype=float).sum(axis=1) * (model.sum() / model.size)
