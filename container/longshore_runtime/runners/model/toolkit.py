"""SageMaker's functions (model_fn, input_fn and so on), called as AWS's toolkits call them.

The toolkits differ. What one of them accepts is accepted here, where it does not contradict another;
docs/sagemaker-scripts.md has a row for each behavior, with the decision and its reason.
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from longshore_runtime.errors import RequestError, StartError
from longshore_runtime.runners.base import Context
from longshore_runtime.runners.model import encoding, flask_context, functions, handler, media, npz
from longshore_runtime.runners.model.functions import Function, UserCode

# A file with one of them, and without a load(), is a script for SageMaker.
NAMES = ("model_fn", "predict_fn", "transform_fn")
_REPLACED_BY_TRANSFORM_FN = ("input_fn", "predict_fn", "output_fn", "predict_batch")

# The toolkits' default, of a body's type and of an answer's.
_DEFAULT_TYPE = media.JSON
# What the toolkits hand over as text; all else as bytes.
_TEXT_TYPES = (media.JSON, media.CSV)
_UTF_8 = ("", "utf-8", "utf8", "us-ascii", "ascii")
_UNREADABLE = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
_UNWRITABLE = HTTPStatus.NOT_ACCEPTABLE


def user_code(path: Path, module: ModuleType, default_accept: str | None) -> UserCode:
    """Return the module's functions. Raises StartError where one is missing or contradicts another.

    default_accept: what the deployment sets as the type of answers, None for the toolkits' own.
    """
    in_context = flask_context.chosen(path)

    def find(name: str, parameters: tuple[str, ...], unsupported: int) -> Function | None:
        function = functions.optional(module, name, parameters, unsupported)
        return in_context(function) if function else None

    default = default_accept or _DEFAULT_TYPE
    transform = find("transform_fn", ("model", "data", "content_type", "accept"), _UNREADABLE)
    if transform is not None:
        _refuse_contradictions(path, module)
        return UserCode(
            path,
            _loading(module),
            predict=_transforming(transform, default),
            decode=lambda body, content_type, ctx: body,
            encode=_encoding(None, "transform_fn", default),
            default_accept=_DEFAULT_TYPE,
        )
    input_fn = find("input_fn", ("request_body", "content_type"), _UNREADABLE)
    predict_fn = find("predict_fn", ("data", "model"), _UNREADABLE)
    output_fn = find("output_fn", ("prediction", "accept"), _UNWRITABLE)
    batch = functions.predict_batch(module)
    predict = functions.batch_of_one(batch) if batch else _default_predict
    if predict_fn is not None:
        predict = lambda model, data, ctx: predict_fn(data, model, ctx)  # noqa: E731  # arguments swapped
    return UserCode(
        path,
        _loading(module),
        predict=predict,
        decode=_decoding(input_fn) if input_fn else _default_input,
        encode=_encoding(output_fn, "output_fn", default) if output_fn else None,
        predict_batch=batch,
        default_accept=_DEFAULT_TYPE,
        decode_in_call=input_fn is not None,
        encode_in_call=output_fn is not None,
    )


def of_handler(path: Path, module: ModuleType, default_accept: str | None) -> UserCode:
    """Return the functions of a module that has handle(data, context): see handler.py."""
    encode = _encoding(None, "handle", default_accept or _DEFAULT_TYPE)
    return handler.user_code(path, module, encode, _DEFAULT_TYPE)


def _refuse_contradictions(path: Path, module: ModuleType) -> None:
    for name in _REPLACED_BY_TRANSFORM_FN:
        if hasattr(module, name):
            raise StartError(
                str(path), f"it has transform_fn and {name}: only one can answer.", f"Remove {name}."
            )


def _loading(module: ModuleType) -> Callable[[Path], Any]:
    model_fn = functions.required(module, "model_fn", ("model_dir",), _UNREADABLE)
    before = functions.optional(module, "pre_model_fn", ("model_dir",), _UNREADABLE)
    after = functions.optional(module, "model_warmup_fn", ("model_dir", "model"), _UNREADABLE)

    def load(model_dir: Path) -> Any:
        context = Context(request_id="load")
        folder = str(model_dir)  # the toolkits pass a str
        if before is not None:
            before(folder, context)
        model = model_fn(folder, context)
        if after is not None:
            after(folder, model, context)
        return model

    return load


# --- the body ---------------------------------------------------------------------------------------


def _content_type(sent: str, context: Context) -> str:
    """Return the body's type. Some of AWS's services spell the header ContentType."""
    return sent or context.headers.get("ContentType") or _DEFAULT_TYPE


def _text_or_bytes(body: bytes, content_type: str) -> bytes | str:
    media_type = media.parse(content_type)
    if media_type.type not in _TEXT_TYPES or media_type.params.get("charset", "").lower() not in _UTF_8:
        return body
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise RequestError(400, f"The body is not UTF-8: byte {error.start} cannot be read.") from None


def _decoding(input_fn: Function) -> Function:
    def decode(body: bytes, sent: str, context: Context) -> Any:
        content_type = _content_type(sent, context)
        return input_fn(_text_or_bytes(body, content_type), content_type, context)

    return decode


def _default_input(body: bytes, sent: str, context: Context) -> Any:
    """What the toolkits do without an input_fn: an array, or the object where it makes no array."""
    content_type = _content_type(sent, context)
    kind = media.parse(content_type).type
    if kind == npz.TYPE:
        return npz.read(body)
    decoded = context.decode(body, content_type)
    context.columns = decoded.columns
    return _array(decoded.data) if media.canonical(kind) == media.JSON else decoded.data


def _array(data: Any) -> Any:
    """Return a list or a number as an array; an object, a text, null and lists of objects as they are."""
    if data is None or isinstance(data, (dict, str)):
        return data
    if isinstance(data, list) and any(isinstance(element, dict) for element in data):
        return data
    try:
        return np.asarray(data)
    except ValueError:  # rows of different lengths
        return data


# --- the prediction ---------------------------------------------------------------------------------


def _default_predict(model: Any, data: Any, context: Context) -> Any:
    """What the toolkits do without a predict_fn."""
    if not hasattr(model, "predict"):
        return model(data)
    # scikit-learn takes rows only, so that a flat list can only be one.
    flat = isinstance(data, np.ndarray) and data.ndim == 1
    if flat and getattr(model, "n_features_in_", None) == len(data):
        data = data.reshape(1, -1)
    return model.predict(data)


def _transforming(transform: Function, default: str) -> Function:
    def predict(model: Any, body: bytes, context: Context) -> Any:
        content_type = _content_type(context.content_type, context)
        accept = _favorite(context.accept, default)
        return transform(model, _text_or_bytes(body, content_type), content_type, accept, context)

    return predict


# --- the answer -------------------------------------------------------------------------------------


def _favorite(accept: str, default: str) -> str:
    """Return the type that a caller wants most, the default where a wildcard allows that."""
    wanted = next(iter(media.acceptable(accept)), "*/*")
    return default if media.matches(wanted, default) else wanted


def _encoding(output_fn: Function | None, name: str, default: str) -> Function:
    """Return an encode of what output_fn makes of a prediction, or of what transform_fn has returned."""

    def encode(prediction: Any, accept: str, context: Context) -> Any:
        answer = prediction if output_fn is None else output_fn(prediction, accept, context)
        if answer is None:
            raise TypeError(f"{name}() returned None for the type {accept!r}: return a body, or raise.")
        if hasattr(answer, "get_data") and hasattr(answer, "status_code"):  # Flask's Response, or one like it
            return answer
        named = None
        if isinstance(answer, tuple) and len(answer) == 2 and _is_media_type(answer[1]):
            answer, named = answer
        if isinstance(answer, (str, bytes, bytearray, memoryview)):
            return answer, named or accept
        # Anything else is written as a prediction would be without output_fn.
        return encoding.encode(answer, named or context.accept, context.content_type, named or default)

    return encode


def _is_media_type(value: Any) -> bool:
    return isinstance(value, str) and "/" in value
