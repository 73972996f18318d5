"""Takes 30 seconds to load."""

import time


def load(model_dir):
    time.sleep(30)


def predict(model, data):
    return data
