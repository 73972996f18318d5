"""As Hugging Face's samples: model_fn and predict_fn, the object popped apart."""

from transformers import pipeline


def model_fn(model_dir, context=None):
    return pipeline("text-classification", model=model_dir, device=-1)


def predict_fn(data, model, context=None):
    inputs = data.pop("inputs", data)
    parameters = data.pop("parameters", {})
    return model(inputs, **parameters)
