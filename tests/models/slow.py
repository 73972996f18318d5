"""Takes as long as it is asked to: {"sleep": seconds} without the processor, {"spin": seconds} with it."""

import time


def load(model_dir):
    return None


def predict(model, data):
    end = time.monotonic() + data.get("spin", 0)
    while time.monotonic() < end:
        pass
    time.sleep(data.get("sleep", 0))
    return "done"
