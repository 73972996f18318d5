"""Its load leaves threads that end soon: one of Python's, with a file, and one Python does not know."""

import _thread
import threading
import time
from pathlib import Path


def holds_a_file():
    with Path(__file__).open():
        time.sleep(0.05)


def load(model_dir):
    threading.Thread(target=holds_a_file).start()
    _thread.start_new_thread(time.sleep, (0.1,))


def predict(model, data):
    return data
