"""As AWS's scikit-learn pipelines: framework imports, a DataFrame of CSV, worker.Response."""

import json
import os
from io import StringIO

import joblib
import pandas as pd
from sagemaker_containers.beta.framework import content_types, encoders, worker

columns = ["length", "width"]


def input_fn(input_data, content_type):
    if content_type == content_types.CSV:
        df = pd.read_csv(StringIO(input_data), header=None)
        df.columns = columns
        return df
    raise ValueError(f"{content_type} not supported by script!")


def output_fn(prediction, accept):
    if accept == "application/json":
        instances = [{"features": row} for row in prediction.tolist()]
        return worker.Response(json.dumps({"instances": instances}), mimetype=accept)
    if accept == "text/csv":
        return worker.Response(encoders.encode(prediction, accept), mimetype=accept)
    raise RuntimeError(f"{accept} accept type is not supported by this script.")


def predict_fn(input_data, model):
    return model.transform(input_data)


def model_fn(model_dir):
    return joblib.load(os.path.join(model_dir, "model.joblib"))
