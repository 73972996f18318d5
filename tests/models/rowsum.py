"""The plainest model there is: the sum of each row."""

import numpy as np


def load(model_dir):
    return None


def predict(model, data):
    rows = data["instances"] if isinstance(data, dict) else data
    return np.asarray(rows, dtype=float).sum(axis=1)
