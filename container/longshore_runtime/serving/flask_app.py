"""The Flask application: the routes SageMaker asks for, around a runner that has been loaded."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import flask
from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from longshore_runtime import contract, logs, problem
from longshore_runtime.runners.base import Runner, UnreadBody
from longshore_runtime.runners.model.item import Steps
from longshore_runtime.runners.model.queue import ModelQueue
from longshore_runtime.serving import content_coding, execution_parameters
from longshore_runtime.serving.predictor import Predictor, Reply, problem_reply, request_id_of
from longshore_runtime.settings import Settings

# A body of so many bytes is only read when there is room for it; a queue full of smaller ones weighs little.
_LARGE = 2**18


def create_app(runner: Runner, settings: Settings) -> Flask:
    """The application. Its wsgi_app answers POST /invocations ahead of Flask's dispatch: see HotPath."""
    app = Flask("longshore", static_folder=None)
    app.logger = logs.get(app.name)
    predictor = Predictor(runner, settings.max_payload_mb * 2**20)
    # Only the model runner can take more than one at a time in a worker.
    parameters = execution_parameters.compute(settings, getattr(runner, "at_once", 1))

    @app.post(contract.INVOCATIONS)
    def invocations() -> Response:
        return _response(predictor.answer(request.environ, request.get_data(cache=False)))

    @app.route(contract.PING, methods=["GET", "POST"])
    def ping() -> Response:
        """For whoever asks a worker itself; nginx asks the supervisor (health.py)."""
        return Response(status=200)

    @app.get(contract.EXECUTION_PARAMETERS)
    def execution_parameters_route() -> dict[str, Any]:
        return parameters

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> Response:
        response = _response(
            problem_reply(error.code or 500, error.description or "", request_id_of(request.environ))
        )
        for name, value in error.get_headers():
            if name.lower() not in ("content-type", "content-length"):
                response.headers[name] = value  # Allow, for a 405
        return response

    app.wsgi_app = HotPath(app, predictor)  # type: ignore[method-assign]  # Flask's own way to wrap itself
    return app


def _response(reply: Reply) -> Response:
    response = Response(reply.body, reply.status, reply.headers)
    if not any(name == "Content-Type" for name, _ in reply.headers):
        del response.headers["Content-Type"]  # Flask's default
    return response


def hot_path(application: object) -> HotPath | None:
    """That of an application from create_app; None where a middleware is to see every request first."""
    outermost = application.wsgi_app if isinstance(application, Flask) else None
    return outermost if isinstance(outermost, HotPath) else None


class HotPath:
    """WSGI middleware: POST /invocations goes straight to the predictor, everything else through Flask.

    Flask's dispatch (contexts, routing, request and response objects) costs more than decoding,
    predicting and encoding a small request together; bench/application.md has the figures. It is passed by
    only while nobody needs it: with any hook or signal receiver on the application all goes through it.
    """

    def __init__(self, app: Flask, predictor: Predictor) -> None:
        self._app = app
        self._dispatch = app.wsgi_app
        self._predictor = predictor

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if (
            environ["PATH_INFO"] == contract.INVOCATIONS
            and environ["REQUEST_METHOD"] == "POST"
            and environ.get("wsgi.input_terminated")  # otherwise reading to the end may not end
            and not self._hooked()
        ):
            stream, size = environ["wsgi.input"], int(environ.get("CONTENT_LENGTH") or 0)
            # What is compressed may be large, too.
            small = size < _LARGE and (not size or content_coding.HEADER not in environ)
            body = stream.read() if small else UnreadBody(stream, size)
            reply = self._predictor.answer(environ, body)
            start_response(f"{reply.status} {problem.phrase(reply.status)}", reply.headers)
            return (reply.body,)
        return self._dispatch(environ, start_response)

    @property
    def queue(self) -> ModelQueue | None:
        """What a request may have to wait in; None with a runner that has none."""
        return self._predictor.queue

    def steps(self, environ: dict[str, Any], body: bytes) -> Steps[Reply] | None:
        """The predictor's to a POST /invocations with these headers; None where Flask has to see it."""
        return None if self._hooked() else self._predictor.steps(environ, body)

    def _hooked(self) -> bool:
        app = self._app
        return bool(
            app.before_request_funcs
            or app.after_request_funcs
            or app.teardown_request_funcs
            or app.teardown_appcontext_funcs
            or app.url_value_preprocessors
            or flask.request_started.receivers
            or flask.request_finished.receivers
            or flask.request_tearing_down.receivers
        )
