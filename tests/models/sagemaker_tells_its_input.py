"""Answers with what input_fn was given."""


def model_fn(model_dir):
    return None


def input_fn(body, content_type):
    return [type(body).__name__, content_type, len(body)]


def predict_fn(data, model):
    return data
