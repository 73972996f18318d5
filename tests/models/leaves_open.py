"""Leaves open at its load what the file `what` beside it names; answers with the pid it was loaded in."""

import mmap
import os
import socket
import subprocess
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent


def a_socket():
    return socket.socketpair()


def a_file():
    return (HERE / "what").open()


def a_process():
    return subprocess.Popen(["sleep", "1000"])


def a_mapped_file():
    np.save(HERE / "array.npy", np.arange(10.0))
    return np.load(HERE / "array.npy", mmap_mode="r")


def nothing():
    return mmap.mmap(-1, 10)


def load(model_dir):
    return globals()[(HERE / "what").read_text()](), os.getpid()


def predict(model, data):
    return model[1]
