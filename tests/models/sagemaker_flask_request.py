"""flask.request in every function, imported in one of them only."""


def model_fn(model_dir):
    return None


def _seen():
    from flask import current_app, request

    return [request.headers["X-Tenant"], request.method, request.path, bool(current_app.name)]


def input_fn(body, content_type):
    return [_seen()]


def predict_fn(data, model):
    return [*data, _seen()]


def output_fn(prediction, accept):
    return [*prediction, _seen()]
