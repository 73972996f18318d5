"""predict_batch among SageMaker's functions, without contexts."""

import json


def model_fn(model_dir):
    return 2


def input_fn(request_body, content_type):
    return json.loads(request_body)


def predict_batch(model, items):
    return [item * model for item in items]


def output_fn(prediction, accept):
    return f"{prediction} as {accept}"
