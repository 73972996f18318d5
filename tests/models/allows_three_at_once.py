"""Waits as gated.py does, and says that three predicts may run at once."""

import json
import time
from pathlib import Path


class Model:
    max_concurrency = 3

    def __init__(self, folder):
        self.folder = folder


def load(model_dir):
    return Model(Path(model_dir))


def decode(body, content_type):
    with (Path(__file__).parents[1] / "decoded").open("a") as file:
        file.write("1\n")
    return NotImplemented


def predict(model, data):
    with (model.folder / "calls").open("a") as file:
        file.write(json.dumps([data["name"]]) + "\n")
    while "until" in data and not (model.folder / data["until"]).exists():
        time.sleep(0.01)
    return data["name"]
