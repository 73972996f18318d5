"""Fails in the way it is asked to: {"in": "predict" or "encode", "with": name of an exception}."""

import builtins

SECRET = "the password is swordfish"


def load(model_dir):
    return None


def predict(model, data, context):
    if data["in"] == "predict":
        raise getattr(builtins, data["with"])(data.get("saying", SECRET))
    if data["in"] == "headers":
        context.answer_attributes = data.get("attributes")
        context.answer_headers.update(data.get("more", {}))
    return data


def encode(prediction, accept):
    if prediction["in"] == "encode":
        raise getattr(builtins, prediction["with"])(prediction.get("saying", SECRET))
    if prediction["in"] == "answer":
        return object()
    return NotImplemented
