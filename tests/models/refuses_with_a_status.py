"""Ours: the same exceptions from predict_batch, for one item alone."""

from werkzeug.exceptions import NotFound


def load(model_dir):
    return None


def predict_batch(model, items):
    return [NotFound("no such tenant") if item == "missing" else item for item in items]
