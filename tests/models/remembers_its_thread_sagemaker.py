"""As remembers_its_thread.py, with SageMaker's functions, each of which looks."""

import json
import os

import one  # remembers_its_thread.py

MODEL = {}


def model_fn(model_dir):
    MODEL.update(one.load(model_dir))
    return MODEL


def input_fn(body, content_type):
    if json.loads(body) == {"refuse": "input"}:
        raise ValueError("not this input")
    return [json.loads(body), one.seen(MODEL)]


def predict_fn(data, model):
    if data[0] == {"refuse": "predict"}:
        raise ValueError("not this data")
    return [*data[1:], one.seen(model), data[0]]


def output_fn(prediction, accept):
    if prediction.pop() == {"refuse": "output"}:
        raise ValueError("not this type")
    return json.dumps([*prediction, one.seen(MODEL)])


if "BATCHES" in os.environ:

    def predict_batch(model, items):
        return [predict_fn(item, model) for item in items]
