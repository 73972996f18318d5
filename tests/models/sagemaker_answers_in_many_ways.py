"""output_fn returns what the body names."""

import json

import numpy as np
from flask import Response


def model_fn(model_dir):
    return None


def predict_fn(data, model):
    return data["way"]


def output_fn(prediction, accept):
    return {
        "dict": {"predictions": [0.5]},
        "list": [0.5, 1.5],
        "two texts": ["a", "b"],
        "tuple of texts": ("a", "b"),
        "array": np.array([[1.0, 2.0]]),
        "number": 3,
        "str": "text",
        "bytes": b"\x00\x01",
        "bytearray": bytearray(b"ab"),
        "body and type": (b"pixels", "image/png"),
        "text and type": (json.dumps([1]), "application/x-mine"),
        "dict and type": ({"a": 1}, "application/json"),
        "list and type": ([1, 2], "text/csv"),
        "response": Response("made", mimetype="text/plain"),
        "None": None,
    }[prediction]
