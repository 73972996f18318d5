"""Its load leaves threads that end a moment later: Python's, as a closed pool does, and one Python does not know."""

import _thread
import threading
import time


def load(model_dir):
    threading.Thread(target=time.sleep, args=(0.05,)).start()
    _thread.start_new_thread(time.sleep, (0.1,))
    return None


def predict(model, data):
    return data
