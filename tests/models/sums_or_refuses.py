"""Sums each row of what it is given, and refuses with a ValueError whatever cannot be summed."""

import numpy as np


def load(model_dir):
    return None


def predict(model, data):
    try:
        return np.asarray(data, dtype=float).sum(axis=-1)
    except Exception as error:  # noqa: BLE001  # whatever it is, it is this model's refusal
        raise ValueError(f"cannot sum this: {error}") from None
