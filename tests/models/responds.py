"""Answers as the request says: a response, from predict or from encode; None; or plain data."""

from flask import Response


class Duck:
    """What a response must have."""

    def __init__(self, status, headers, body):
        self.status_code, self.headers, self._body = status, headers, body

    def get_data(self):
        return self._body


def load(model_dir):
    return None


def predict(model, data, context):
    context.answer_headers.update(data.get("own", {}))
    return response(data) if data.get("in") == "predict" else data


def encode(prediction, accept):
    if prediction.get("in") == "encode":
        return response(prediction)
    if prediction.get("in") == "none":
        return None
    return prediction["returned"]


def response(data):
    if data.get("duck"):
        return Duck(data["status"], data["headers"], data["body"].encode())
    return Response(data.get("body", ""), data["status"], data.get("headers", {}), mimetype="text/x-own")
