"""pre_model_fn and model_warmup_fn, which the inference toolkit calls around model_fn."""

from pathlib import Path

order = []


def pre_model_fn(model_dir):
    order.append(["pre", Path(model_dir).is_dir()])


def model_fn(model_dir):
    order.append("load")
    return order


def model_warmup_fn(model_dir, model):
    model.append("warm")


def predict_fn(data, model):
    return model
