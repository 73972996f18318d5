"""SageMaker's four functions, as its toolkits call them: text for JSON and CSV, the model second."""

import json


def model_fn(model_dir):
    assert isinstance(model_dir, str)
    return {"factor": 2}


def input_fn(request_body, content_type):
    if content_type == "application/json":
        assert isinstance(request_body, str)
        return json.loads(request_body)
    if content_type == "application/x-reversed":
        assert isinstance(request_body, bytes)
        return list(reversed(request_body))
    raise ValueError(f"{content_type} is not supported by this script")


def predict_fn(data, model):
    return [value * model["factor"] for value in data]


def output_fn(prediction, accept):
    if accept == "application/json":
        return json.dumps(prediction), accept
    if accept == "text/plain":
        return " ".join(map(str, prediction))
    raise ValueError(f"{accept} is not supported by this script")
