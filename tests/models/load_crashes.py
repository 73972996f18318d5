"""Its load() crashes as native code does, beyond any except."""

import os
import signal


def load(model_dir):
    os.kill(os.getpid(), signal.SIGSEGV)


def predict(model, data):
    return data
