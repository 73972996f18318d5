"""A handler for multi-model-server or TorchServe: handle(data, context), or a class with that method.

As there, data is a list of requests, each {"body": ...}: an object of JSON, a text of text/*, bytes of all
else. The handler returns a list of as many answers. Here the list has one.
"""

from __future__ import annotations

import inspect
from http import HTTPStatus
from pathlib import Path
from types import ModuleType
from typing import Any

from longshore_runtime.errors import StartError
from longshore_runtime.runners.base import Context
from longshore_runtime.runners.model import media, refusals
from longshore_runtime.runners.model.functions import Function, UserCode


def is_one(module: ModuleType) -> bool:
    """Return whether the module has no functions of ours or of SageMaker's, but a handler."""
    if hasattr(module, "load") or hasattr(module, "predict"):
        return False
    return callable(getattr(module, "handle", None)) or bool(_classes(module))


def user_code(path: Path, module: ModuleType, encode: Function, default_accept: str) -> UserCode:
    """Return the handler as functions. encode: what makes a body of an answer."""
    function = getattr(module, "handle", None)
    found = _classes(module)
    if function is None and len(found) > 1:
        names = ", ".join(kind.__name__ for kind in found)
        raise StartError(str(path), f"it has several handlers: {names}.", "Write handle(data, context).")

    def load(model_dir: Path) -> Any:
        context = Context(request_id="load")
        if function is not None:
            function(None, context)  # which loads the model, as both servers do
            return function
        service = found[0]()
        if hasattr(service, "initialize"):
            service.initialize(context)
        return service.handle

    guarded = refusals.guarded(_answer, HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    return UserCode(path, load, guarded, decode=_decode, encode=encode, default_accept=default_accept)


def _classes(module: ModuleType) -> list[type[Any]]:
    return [
        kind
        for _, kind in inspect.getmembers(module, inspect.isclass)
        if kind.__module__ == module.__name__ and hasattr(kind, "handle")
    ]


def _decode(body: bytes, content_type: str, context: Context) -> Any:
    kind = media.parse(content_type).type or media.JSON
    if kind == media.JSON:
        return context.decode(body, content_type or media.JSON).data
    if kind.startswith("text/"):
        return body.decode(errors="replace")
    return body


def _answer(handle: Function, body: Any, context: Context) -> Any:
    answers = handle([{"body": body}], context)
    if not isinstance(answers, list) or len(answers) != 1:
        what = f"a list of {len(answers)}" if isinstance(answers, list) else type(answers).__name__
        raise TypeError(f"handle() returned {what}: it must return a list with one answer for each request.")
    return answers[0]
