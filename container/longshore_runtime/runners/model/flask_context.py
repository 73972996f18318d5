"""Flask's request context around a script's functions, for `flask.request` in them.

AWS's scikit-learn container calls its functions inside of a Flask view, and scripts make use of that.
Requests here bypass Flask's dispatch, and may be computed in another thread, so a context is pushed around
each call, and only for code that imports flask: it takes longer than a small prediction.
"""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longshore_runtime import contract

if TYPE_CHECKING:
    from flask import Flask

_OURS = Path(__file__).parents[2]  # lies beside the user's model.py
_IMPORT = re.compile(rb"^[ \t]*(?:from|import)[ \t]+flask\b", re.MULTILINE)
# What a WSGI server says beside a request's headers.
_ENVIRON = {
    "REQUEST_METHOD": "POST",
    "SCRIPT_NAME": "",
    "PATH_INFO": contract.INVOCATIONS,
    "QUERY_STRING": "",
    "SERVER_NAME": "localhost",
    "SERVER_PORT": str(contract.DEFAULT_PORT),
    "SERVER_PROTOCOL": "HTTP/1.1",
    "wsgi.version": (1, 0),
    "wsgi.url_scheme": "http",
    "wsgi.multithread": True,
    "wsgi.multiprocess": True,
    "wsgi.run_once": False,
}


def chosen(path: Path) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return around() for the functions of a file that imports flask, and what changes nothing for others."""
    return around if wanted(path) else lambda function: function


def wanted(path: Path) -> bool:
    """Return whether this file, or a module loaded from its folder, imports flask."""
    files = {path} | {
        Path(file)
        for module in list(sys.modules.values())
        if (file := getattr(module, "__file__", None)) and Path(file).is_relative_to(path.parent)
    }
    sources = [file for file in files if file.suffix == ".py" and not file.is_relative_to(_OURS)]
    return any(_IMPORT.search(file.read_bytes()) for file in sources if file.is_file())


def around(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function, called in the context of the request that its last argument, a Context, is of.

    flask.request has the headers, method and path; its body has been read, and is the function's argument.
    """

    def call(*arguments: Any) -> Any:
        environ = getattr(arguments[-1].headers, "environ", None)
        if environ is None:  # a model that loads
            return function(*arguments)
        body = {"wsgi.input": io.BytesIO(), "wsgi.errors": sys.stderr, "CONTENT_LENGTH": "0"}
        with _application().request_context(_ENVIRON | environ | body):
            return function(*arguments)

    return call


@cache
def _application() -> Flask:
    """Return an application for flask.current_app, without routes."""
    from flask import Flask

    return Flask("longshore_model", static_folder=None)
