"""Hugging Face's decoder and encoder by hand, and an error with a status."""

from mms.service import PredictionException
from sagemaker_huggingface_inference_toolkit import decoder_encoder
from transformers import pipeline


def model_fn(model_dir):
    return {"classify": pipeline("sentiment", model=model_dir)}


def input_fn(input_data, content_type):
    data = decoder_encoder.decode(input_data, content_type)
    if not data.get("inputs"):
        raise PredictionException("Give inputs.", 400)
    return data


def predict_fn(data, models):
    return models["classify"](data["inputs"])


def output_fn(prediction, accept):
    return decoder_encoder.encode(prediction, accept)
