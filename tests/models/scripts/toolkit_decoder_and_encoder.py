"""As MLflow's deployment samples: the inference toolkit's decoder and encoder."""

import os

import joblib
from sagemaker_inference import decoder, encoder


def model_fn(model_dir):
    return joblib.load(os.path.join(model_dir, "model.joblib"))


def input_fn(input_data, content_type):
    return decoder.decode(input_data, content_type=content_type)


def output_fn(prediction, accept):
    return encoder.encode(prediction, accept)


def predict_fn(input_data, model):
    return model.transform(input_data)
