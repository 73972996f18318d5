"""output_fn that returns what it is sent: plain objects, a pair, a response."""

import flask
import numpy as np


def model_fn(model_dir):
    return None


def predict_fn(data, model):
    return str(data)


def output_fn(prediction, accept):
    return {
        "dict": {"predictions": [0.5]},
        "list": [1, None],
        "array": np.array([0.5]),
        "pair": ([[1, 2]], "text/csv"),
        "text pair": ("1\n", "text/csv"),
        "unwritable pair": ([1], "image/png"),
        "object": object(),
        "none": None,
        "response": flask.Response('{"own": 1}', mimetype="application/json"),
    }[prediction]
