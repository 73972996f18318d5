"""Raises what the body names, where the body says: input_fn, predict_fn or output_fn."""

import json

import flask
from werkzeug.exceptions import NotFound, ServiceUnavailable


class BaseInferenceToolkitError(Exception):
    def __init__(self, status_code, message, phrase):
        self.status_code, self.message, self.phrase = status_code, message, phrase
        super().__init__(status_code, message, phrase)


class UnsupportedFormatError(Exception):
    """As in both of AWS's toolkits, by name."""


class PredictionException(Exception):
    """As in multi-model-server, by name."""

    def __init__(self, message, error_code=500):
        self.message, self.error_code = message, error_code
        super().__init__(message)


class FastHTTPException(Exception):
    def __init__(self, status_code, detail):
        self.status_code, self.detail = status_code, detail


class RefusesTheData(ValueError):
    status_code = 409


class OtherServersError(Exception):
    """An HTTP client's: the status is not this server's."""

    def __init__(self):
        super().__init__("401 from elsewhere")
        self.status_code, self.response = 401, object()


class UnsupportedByOurs(UnsupportedFormatError):
    pass


def fail(how):
    if how == "abort":
        flask.abort(403, description="not yours")
    if how == "abort with a response":
        flask.abort(flask.Response("pay first", 402))
    raise {
        "toolkit": BaseInferenceToolkitError(418, "a teapot", "teapot"),
        "unsupported": UnsupportedFormatError("Content type x/y is not\n\nsupported"),
        "unsupported subclass": UnsupportedByOurs("no such type"),
        "prediction": PredictionException("too long a text", 400),
        "http": NotFound("no such tenant"),
        "retry": ServiceUnavailable("warming up", retry_after=7),
        "detail": FastHTTPException(422, "bad field"),
        "value": RefusesTheData("taken"),
        "elsewhere": OtherServersError(),
        "unknown status": FastHTTPException(499, "odd"),
        "no error": FastHTTPException(200, "fine"),
        "text": FastHTTPException("404", "a text"),
        "plain": RuntimeError("secret"),
    }[how]


def model_fn(model_dir):
    return None


def input_fn(body, content_type):
    data = json.loads(body)
    if data["where"] == "input_fn":
        fail(data["how"])
    return data


def predict_fn(data, model):
    if data["where"] == "predict_fn":
        fail(data["how"])
    return data


def output_fn(prediction, accept):
    if prediction["where"] == "output_fn":
        fail(prediction["how"])
    return json.dumps(prediction)
