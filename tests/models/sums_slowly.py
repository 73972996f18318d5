"""Sums each row of what it is given, 20 ms later."""

import time

import numpy as np


def load(model_dir):
    return None


def predict(model, data):
    time.sleep(0.02)
    return np.asarray(data, dtype=float).sum(axis=-1)
