"""Raises what an item names, where it names it: {"where": "decode", "what": "GeneratorExit"}."""

import asyncio
import json
import signal
import threading


class PanicException(BaseException):
    """As pyo3's, by which a panic in Rust comes to Python."""


KINDS = {
    "CancelledError": asyncio.CancelledError,
    "GeneratorExit": GeneratorExit,
    "KeyboardInterrupt": KeyboardInterrupt,
    "PanicException": PanicException,
    "SystemExit": SystemExit,
}


def fail(item, where):
    if item.get("where") == where:
        raise KINDS[item["what"]]("of the model")


def load(model_dir):
    return None


def decode(body, content_type):
    item = json.loads(body)
    fail(item, "decode")
    return item


def predict(model, item):
    fail(item, "predict")
    if item.get("where") == "signal":
        threading.Thread(target=lambda: None).start()
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
    return item


def encode(item, accept):
    fail(item, "encode")
    return json.dumps(item)
