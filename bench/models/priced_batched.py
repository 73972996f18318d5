"""The model of bench/peers/cost.py, for several requests at once, each of one row."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.peers import cost


def load(model_dir: Path) -> str:
    return "priced row sums"


def predict_batch(model: str, items: list[Any]) -> list[Any]:
    rows = [row for item in items for row in item["instances"]]
    return [{"predictions": [total]} for total in cost.predict(rows)]
