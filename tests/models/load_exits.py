"""Its load() calls sys.exit(), with 0."""

import sys


def load(model_dir):
    sys.exit(0)


def predict(model, data):
    return data
