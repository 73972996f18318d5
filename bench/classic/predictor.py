"""The classic stack's Flask application: /ping loads the model, /invocations goes through pandas.

The model is a file with load() and predict(), the same one that Longshore serves in the same run.
"""

from __future__ import annotations

import importlib.util
import io
import os
from functools import cache
from pathlib import Path
from typing import Any

import flask
import pandas

MODEL_DIR = Path(os.environ.get("ML_ROOT", "/opt/ml")) / "model"

app = flask.Flask(__name__)


@cache
def _model() -> tuple[Any, Any]:
    """The predict function and the loaded model, loaded by the first request that a worker gets."""
    spec = importlib.util.spec_from_file_location("inference", MODEL_DIR / "code" / "inference.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.predict, module.load(MODEL_DIR)


@app.get("/ping")
def ping() -> flask.Response:
    _model()
    return flask.Response("\n", mimetype="application/json")


@app.post("/invocations")
def invocations() -> flask.Response:
    predict, model = _model()
    if flask.request.content_type == "text/csv":
        text = flask.request.data.decode()
        frame = pandas.read_csv(io.StringIO(text), header=None)
        answer = io.StringIO()
        pandas.DataFrame({"results": predict(model, frame)}).to_csv(answer, header=False, index=False)
        return flask.Response(answer.getvalue(), mimetype="text/csv")
    if flask.request.content_type == "application/json":
        return flask.jsonify(predict(model, flask.request.get_json()))
    return flask.Response("Only CSV and JSON are understood.", status=415, mimetype="text/plain")
