"""Finds the user's code and puts one face on its two shapes.

Ours: load(model_dir) and predict(model, data), with decode(body, content_type) and encode(prediction,
accept) optional. SageMaker's: model_fn(model_dir), with input_fn, predict_fn, output_fn, transform_fn
optional. A function may take one argument more, the request's Context.

Either may have `example`, a request's body and content type: see MODEL_SERVER_GOLDEN_REQUEST.

In both, predict_batch(model, items) takes the place of predict: items are the decoded data of several
requests, and it returns a prediction for each. It may take their Contexts as one argument more.

Looked for in this order: the file SAGEMAKER_PROGRAM names (inference.py unless set) in
SAGEMAKER_SUBMIT_DIRECTORY (the model's own code/ folder unless set), then model.py beside the image's
program.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from longshore_runtime import usercode
from longshore_runtime.errors import RequestError, StartError
from longshore_runtime.runners.base import Context
from longshore_runtime.runners.model import decoding, media
from longshore_runtime.settings import Settings

DEFAULT_PROGRAM = "inference.py"
OWN_PROGRAM = "model.py"

# What AWS's toolkits answer in unless asked, and what they hand to input_fn as text and not as bytes.
_TOOLKIT_ACCEPT = "application/json"
_TEXT_TYPES = ("application/json", "text/csv", "application/jsonlines", "text/plain")


_Batch = Callable[[Any, list[Any], list[Context]], Any]


@dataclass(frozen=True)
class UserCode:
    """The user's functions, whichever names they go by.

    decode and encode are None where the user has none; they return NotImplemented for what they
    leave to the built-in ones. predict_batch is None where requests are to be computed one by one.
    """

    path: Path
    load: Callable[[Path], Any]
    predict: Callable[[Any, Any, Context], Any]
    decode: Callable[[bytes, str, Context], Any] | None = None
    encode: Callable[[Any, str, Context], Any] | None = None
    predict_batch: _Batch | None = None
    # The answer's type where the caller asks for none; None for the request's own.
    default_accept: str | None = None
    # Whatever the file has by this name: it is looked at where it is asked for.
    example: Any = None


def load(settings: Settings, program_dir: Path) -> UserCode:
    """Import the user's code. StartError for a missing file or function or a wrong signature."""
    path = find(settings, program_dir)
    module = usercode.load_module(path)
    shape = _sagemaker if hasattr(module, "model_fn") or hasattr(module, "predict_fn") else _own
    return replace(shape(path, module), example=getattr(module, "example", None))


def find(settings: Settings, program_dir: Path) -> Path:
    """The file that holds the user's code; StartError where there is none, naming where it was looked for."""
    folder = settings.submit_directory or settings.model_dir / "code"
    asked = folder / (settings.program or DEFAULT_PROGRAM)
    if asked.is_file():
        return asked
    if settings.program is not None:
        beside = program_dir / settings.program
        if beside.is_file():
            return beside
        raise StartError(
            "SAGEMAKER_PROGRAM",
            f"there is no file {settings.program!r} in {folder} or {program_dir}.",
            "Put it there, or unset SAGEMAKER_PROGRAM.",
        )
    own = program_dir / OWN_PROGRAM
    if own.is_file():
        return own
    raise StartError(
        str(own),
        f"there is no such file, and no {asked} either.",
        f"Write {OWN_PROGRAM} with load(model_dir) and predict(model, data).",
    )


def _own(path: Path, module: ModuleType) -> UserCode:
    load = usercode.check_callable(module, "load", ("model_dir",))
    batch = _predict_batch(module)
    if batch is not None and not hasattr(module, "predict"):
        predict = _batch_of_one(batch)
    else:
        predict = _with_context(module, "predict", ("model", "data"))
    return UserCode(
        path=path,
        load=load,
        predict=predict,
        decode=_optional(module, "decode", ("body", "content_type")),
        encode=_optional(module, "encode", ("prediction", "accept")),
        predict_batch=batch,
    )


def _sagemaker(path: Path, module: ModuleType) -> UserCode:
    model_fn = _with_context(module, "model_fn", ("model_dir",))
    context = Context(request_id="load")
    load = lambda model_dir: model_fn(str(model_dir), context)  # noqa: E731  # toolkits pass a str
    transform = _optional(module, "transform_fn", ("model", "data", "content_type", "accept"))
    batch = _predict_batch(module)
    if transform is not None:
        if batch is not None:
            raise StartError(
                str(path), "it has transform_fn and predict_batch: only one can answer.", "Remove one."
            )
        return UserCode(
            path,
            load,
            predict=lambda model, body, ctx: transform(
                model, _as_toolkit_text(body, ctx.content_type), ctx.content_type, ctx.accept, ctx
            ),
            decode=lambda body, content_type, ctx: body,
            encode=lambda prediction, accept, ctx: prediction,
            default_accept=_TOOLKIT_ACCEPT,
        )
    input_fn = _optional(module, "input_fn", ("request_body", "content_type"))
    predict_fn = _optional(module, "predict_fn", ("data", "model"))
    predict = _batch_of_one(batch) if batch else _default_predict
    if predict_fn is not None:
        predict = lambda model, data, ctx: predict_fn(data, model, ctx)  # noqa: E731  # arguments swapped
    return UserCode(
        path,
        load,
        predict=predict,
        decode=(
            (lambda body, kind, ctx: input_fn(_as_toolkit_text(body, kind), kind, ctx))
            if input_fn
            else _default_input
        ),
        encode=_optional(module, "output_fn", ("prediction", "accept")),
        predict_batch=batch,
        default_accept=_TOOLKIT_ACCEPT,
    )


def _predict_batch(module: ModuleType) -> _Batch | None:
    if not hasattr(module, "predict_batch"):
        return None
    function = usercode.check_callable(module, "predict_batch", ("model", "items", "contexts"), optional=1)
    return function if usercode.accepts(function, 3) else lambda model, items, _: function(model, items)


def _batch_of_one(batch: _Batch) -> Callable[[Any, Any, Context], Any]:
    def predict(model: Any, data: Any, context: Context) -> Any:
        (prediction,) = batch(model, [data], [context])
        if isinstance(prediction, Exception):
            raise prediction
        return prediction

    return predict


def _optional(module: ModuleType, name: str, parameters: tuple[str, ...]) -> Callable[..., Any] | None:
    return _with_context(module, name, parameters) if hasattr(module, name) else None


def _with_context(module: ModuleType, name: str, parameters: tuple[str, ...]) -> Callable[..., Any]:
    """The function, called with the Context as its last argument whether it takes one or not."""
    function = usercode.check_callable(module, name, (*parameters, "context"), optional=1)
    if usercode.accepts(function, len(parameters) + 1):
        return function
    return lambda *arguments: function(*arguments[:-1])


def _as_toolkit_text(body: bytes, content_type: str) -> bytes | str:
    if media.parse(content_type).type not in _TEXT_TYPES:
        return body
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise RequestError(400, f"The body is not UTF-8: byte {error.start} cannot be read.") from None


def _default_input(body: bytes, content_type: str, context: Context) -> Any:
    """What AWS's toolkits do without an input_fn: every built-in type as a numpy array."""
    decoded = decoding.decode(body, content_type)
    context.columns = decoded.columns
    if media.parse(content_type).type == "application/json":
        return np.asarray(decoded.data)
    return decoded.data


def _default_predict(model: Any, data: Any, context: Context) -> Any:
    """What AWS's toolkits do without a predict_fn."""
    return model.predict(data) if hasattr(model, "predict") else model(data)
