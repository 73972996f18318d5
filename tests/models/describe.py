"""A well-behaved model that answers with a description of what it was given: after {"nap": seconds}, and once
there is a file {"until": path}.
"""

import os
import time
from pathlib import Path

import numpy as np


def load(model_dir):
    return {"loaded_from": str(model_dir)}


def predict(model, data, context):
    if isinstance(data, dict):
        time.sleep(data.get("nap", 0))
        while "until" in data and not Path(data["until"]).exists():
            time.sleep(0.01)
    if context.custom_attributes:
        context.answer_attributes = f"got {context.custom_attributes}"[:1024]
    if isinstance(data, np.ndarray):
        value = {"kind": "array", "dtype": str(data.dtype), "shape": list(data.shape), "rows": data.tolist()}
    else:
        value = {"kind": type(data).__name__, "value": data if isinstance(data, (dict, list)) else repr(data)}
    columns = list(context.columns) if context.columns else None
    return value | {"columns": columns, "pid": os.getpid(), "threads": os.environ.get("OMP_NUM_THREADS")}
