"""Tells whether the garbage collector was on when this was imported, and is on now."""

import gc

at_import = gc.isenabled()


def load(model_dir):
    return None


def predict(model, data):
    return at_import and gc.isenabled()
