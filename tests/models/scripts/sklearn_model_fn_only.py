"""Nothing but model_fn: AWS's defaults for the rest."""

import os

import joblib


def model_fn(model_dir):
    model = joblib.load(os.path.join(model_dir, "model.joblib"))
    model.predict = model.transform
    return model
