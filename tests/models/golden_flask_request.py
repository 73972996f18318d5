"""Its example is answered by flask.request and by the context's headers."""

from flask import request

example = ('{"a": 1}', "application/json")


def load(model_dir):
    return None


def predict(model, data, context):
    return [request.path, request.content_type, context.headers["Content-Type"]]
