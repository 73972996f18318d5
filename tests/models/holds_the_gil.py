"""Lets no other thread run for {"hold": seconds}, or for ever: {"spin": true}; answers with its pid."""

import ctypes
import itertools
import os
from pathlib import Path


def load(model_dir):
    return Path(model_dir)


def predict(model, data):
    if data:
        (model / f"arrived-{os.getpid()}").touch()
    if "hold" in data:
        ctypes.PyDLL(None).sleep(data["hold"])  # PyDLL, unlike CDLL, keeps the interpreter's lock
    if data.get("spin"):
        sum(itertools.repeat(0))  # no signal ends this
    return os.getpid()
