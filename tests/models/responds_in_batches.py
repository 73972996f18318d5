"""predict_batch with a response, a None or a plain prediction for each item."""

import time

from flask import Response


def load(model_dir):
    return None


def predict_batch(model, items):
    time.sleep(0.2)  # so that the others come into one batch
    return [response(item) for item in items]


def response(item):
    if item == {}:
        return None
    return Response("own", item) if isinstance(item, int) else item
