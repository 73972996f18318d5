"""JSON instances in, an object out, without json.dumps."""

import json
import os

import joblib
import numpy as np


def model_fn(model_dir):
    return joblib.load(os.path.join(model_dir, "model.joblib"))


def input_fn(request_body, content_type="application/json"):
    if content_type == "application/json":
        return np.array(json.loads(request_body)["instances"])
    raise ValueError(f"Unsupported content type: {content_type}")


def predict_fn(input_data, model):
    return model.transform(input_data).tolist()


def output_fn(prediction, content_type="application/json"):
    return {"predictions": prediction}
