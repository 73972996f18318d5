"""Answers with the version that its folder had at the load; {"wait": true} waits for a file `go`."""

import time


def load(model_dir):
    version = (model_dir / "version").read_text()
    if version == "none":
        raise ValueError("this is no version")
    if version == "slow":
        time.sleep(1000)
    return version, model_dir


def predict(model, data):
    version, model_dir = model
    if data.get("wait"):
        (model_dir / "arrived").touch()
        while not (model_dir / "go").exists():
            time.sleep(0.02)
    return version
