"""Its decode never comes back where asked to: {"hang": true}. Its predict sleeps: {"sleep": seconds}."""

import json
import os
import time


def load(model_dir):
    return None


def decode(body, content_type):
    data = json.loads(body)
    while data.get("hang"):
        time.sleep(1)
    return data


def predict(model, data):
    time.sleep(data.get("sleep", 0))
    return os.getpid()
