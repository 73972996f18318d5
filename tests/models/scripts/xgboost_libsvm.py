"""As AWS's XGBoost samples: the container's encoder, and a string of commas as the answer."""

import json
import os

import sagemaker_xgboost_container.encoder as xgb_encoders
import xgboost as xgb


def model_fn(model_dir):
    booster = xgb.Booster()
    booster.load_model(os.path.join(model_dir, "xgboost-model"))
    return booster


def input_fn(request_body, request_content_type):
    if request_content_type == "text/libsvm":
        return xgb_encoders.libsvm_to_dmatrix(request_body)
    if request_content_type == "text/csv":
        return xgb_encoders.csv_to_dmatrix(request_body.rstrip("\n"))
    raise ValueError(f"Content type {request_content_type} is not supported.")


def predict_fn(input_data, model):
    return model.predict(input_data, validate_features=False)


def output_fn(predictions, content_type):
    if content_type == "text/csv":
        return ",".join(str(x) for x in predictions)
    return json.dumps([float(x) for x in predictions])
