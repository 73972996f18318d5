"""Exceptions by which users' code answers with a status of its own, as AWS's toolkits and Flask have them.

An exception counts if it is one of werkzeug's (flask.abort raises them), or has a `status_code` from 400 to
599, as those of the inference toolkit, FastAPI and Starlette have, or an `error_code`, as
multi-model-server's PredictionException has. UnsupportedFormatError means 415 for a body, 406 for an answer.
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from werkzeug.exceptions import HTTPException

from longshore_runtime import logs
from longshore_runtime.errors import RequestError

log = logs.get("model")

_STATUSES = frozenset(HTTPStatus)
# Of werkzeug's headers: those of the error page, which is not sent.
_NOT_PASSED = ("content-type", "content-length")


def guarded(function: Callable[..., Any], unsupported: int, last: int | None = None) -> Callable[..., Any]:
    """Return the function, raising RequestError for what it raises to refuse a request.

    Args:
        function: the user's.
        unsupported: the status of an UnsupportedFormatError.
        last: -1 for a function that does not take the last argument. Here, because each further function
            around the user's takes time with every request.
    """
    taken = slice(last)

    def call(*arguments: Any) -> Any:
        try:
            return function(*arguments[taken])
        except Exception as error:
            if (refusal := of(error, unsupported)) is None:
                raise
            raise refusal from error

    return call


def guarded_batch(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the same for predict_batch, which may also give an exception in an item's place."""
    call = guarded(function, HTTPStatus.UNSUPPORTED_MEDIA_TYPE)

    def compute(*arguments: Any) -> Any:
        predictions = call(*arguments)
        if not isinstance(predictions, (list, tuple)):
            return predictions
        return [_in_place(prediction) for prediction in predictions]

    return compute


def _in_place(prediction: Any) -> Any:
    if not isinstance(prediction, Exception):
        return prediction
    return of(prediction, HTTPStatus.UNSUPPORTED_MEDIA_TYPE) or prediction


def of(error: Exception, unsupported: int) -> RequestError | None:
    """Return what the caller is to be answered; None for an exception that is a failure like any other."""
    if isinstance(error, RequestError):
        return error
    headers: dict[str, str] = {}
    if isinstance(error, HTTPException):
        response: Any = error.response  # of flask.abort(a response)
        status = response.status_code if response is not None else error.code
        detail = response.get_data(as_text=True) if response is not None else error.description
        headers = {name: value for name, value in error.get_headers() if name.lower() not in _NOT_PASSED}
    elif any(kind.__name__ == "UnsupportedFormatError" for kind in type(error).__mro__):
        status, detail = unsupported, " ".join(str(error).split())
    else:
        status = _status_of(error)
        detail = next(filter(None, (getattr(error, name, None) for name in ("message", "detail"))), error)
    if not isinstance(status, int) or isinstance(status, bool) or not 400 <= status <= 599:
        return None
    if status not in _STATUSES:
        status = 400 if status < 500 else 500
    if status >= 500:
        log.error("the model answers with status=%d", status, exc_info=error)
    else:
        log.warning("the model refused the request: status=%d %.500s", status, detail)
    return RequestError(status, str(detail or HTTPStatus(status).phrase), headers)


def _status_of(error: Exception) -> Any:
    # An HTTP client's error has the status that another server gave; it is not this server's.
    if any(getattr(error, name, None) is not None for name in ("request", "response")):
        return None
    status = getattr(error, "status_code", None)
    if status is None and type(error).__name__ == "PredictionException":
        status = getattr(error, "error_code", None)
    return status
