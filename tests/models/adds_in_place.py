"""Writes to the array that it was given."""


def load(model_dir):
    return None


def predict(model, data):
    data += 1
    return float(data.sum())
