"""A model of 100 MB, of which each answer reads all."""

import numpy as np


def load(model_dir):
    return np.ones(100_000_000 // 8)


def predict(model, data):
    return float(model.sum())
