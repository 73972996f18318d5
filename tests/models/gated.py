"""Writes down what it does in its folder, and waits there for a file where an item asks for that: "until"."""

import builtins
import json
import time
from pathlib import Path


def load(model_dir):
    return Path(model_dir)


def note(folder, name, what):
    with (folder / name).open("a") as file:
        file.write(json.dumps(what) + "\n")


def decode(body, content_type):
    note(Path(__file__).parents[1], "decoded", json.loads(body)["name"])
    return NotImplemented


def predict(model, data):
    if data.get("quick"):
        return data["name"]
    note(model, "calls", [data["name"]])
    time.sleep(data.get("sleep", 0))
    while "until" in data and not (model / data["until"]).exists():
        time.sleep(0.01)
    if "raise" in data:
        raise getattr(builtins, data["raise"])(f"{data['name']} is bad")
    return data["name"]
