"""As remembers_its_thread.py, by batches, and with a decode and an encode that look at the load's context."""

import json

import one  # remembers_its_thread.py

load = one.load


def decode(body, content_type):
    return one.context()


def predict_batch(model, items):
    return [[item, one.seen(model)] for item in items]


def encode(prediction, accept):
    return json.dumps([*prediction, one.context()])
