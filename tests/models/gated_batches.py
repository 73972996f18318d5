"""As gated.py, by batches; an item may also ask for an exception in its place, or a wrong answer to all."""

import builtins
import json
import os
import signal
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


def predict_batch(model, items, contexts):
    note(model, "calls", [item["name"] for item in items])
    for item in items:
        while "until" in item and not (model / item["until"]).exists():
            time.sleep(0.01)
    for item in items:
        if "raise" in item:
            raise getattr(builtins, item["raise"])(f"{item['name']} is bad")
        if item.get("answer") == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if "answer" in item:
            return {"short": [1], "text": "x" * len(items), "nothing": None}[item["answer"]]
    for context in contexts:
        context.answer_headers["X-Batch"] = str(len(items))
    return [ValueError(f"not {i['name']}") if "refuse" in i else [i["name"]] for i in items]
