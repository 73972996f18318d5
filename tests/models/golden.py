"""Writes down who asks it for what, and does what the file `behaviour` in its folder says."""

import ctypes
import itertools
import os
import threading
import time
from pathlib import Path

from flask import Response

example = ('{"golden": true}', "application/json")


def load(model_dir):
    return Path(model_dir)


def predict(model, data):
    with (model / "calls").open("a") as file:
        file.write(f"{os.getpid()} {str(data).splitlines()[0]}\n")
    behaviour = (model / "behaviour").read_text()
    if behaviour == "raises":
        raise KeyError("weights of layer 7")
    if behaviour == "refuses":
        raise ValueError("Send what this model was trained on.")
    if behaviour == "exits":
        raise SystemExit("enough")
    if behaviour == "hangs":
        time.sleep(1000)
    if behaviour == "hangs holding the GIL":
        ctypes.PyDLL(None).sleep(1000)
    if behaviour == "spins holding the GIL":
        sum(itertools.repeat(0))  # no signal ends this
    if behaviour == "starts a thread":
        threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
    if behaviour == "responds with an error":
        return Response("no such customer", 404)
    if behaviour == "cannot be encoded":
        return object()
    return "done"
