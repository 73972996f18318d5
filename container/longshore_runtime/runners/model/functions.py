"""The user's functions, whichever names they go by, ready to be called."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from longshore_runtime import usercode
from longshore_runtime.runners.base import Context
from longshore_runtime.runners.model import refusals

Function = Callable[..., Any]
Batch = Callable[[Any, list[Any], list[Context]], Any]


@dataclass(frozen=True)
class UserCode:
    """The user's functions under one set of names.

    decode and encode are None where the user has none; they return NotImplemented for what they
    leave to the built-in ones. predict_batch is None where requests are to be computed one by one.
    """

    path: Path
    load: Callable[[Path], Any]
    predict: Callable[[Any, Any, Context], Any]
    decode: Callable[[bytes, str, Context], Any] | None = None
    encode: Callable[[Any, str, Context], Any] | None = None
    predict_batch: Batch | None = None
    # The answer's type where the caller asks for none; None for the request's own.
    default_accept: str | None = None
    # Whether the thread that calls the model also calls decode or encode, as AWS's toolkits do: for scripts
    # with SageMaker's functions, where one call runs at a time.
    decode_in_call: bool = False
    encode_in_call: bool = False
    # Whatever the file has by this name: it is looked at where it is asked for.
    example: Any = None
    csv_header: Any = None


def optional(module: ModuleType, name: str, parameters: tuple[str, ...], unsupported: int) -> Function | None:
    """Return the same as required(), None where the module has no such function."""
    return required(module, name, parameters, unsupported) if hasattr(module, name) else None


def required(module: ModuleType, name: str, parameters: tuple[str, ...], unsupported: int) -> Function:
    """Return the function, to be called with a Context as its last argument whether it takes one or not.

    What it raises to refuse a request becomes a RequestError; see refusals.guarded for `unsupported`.
    Raises StartError where the function is missing or takes other parameters.
    """
    function = usercode.check_callable(module, name, (*parameters, "context"), optional=1)
    last = None if usercode.takes_context(function, len(parameters)) else -1
    return refusals.guarded(function, unsupported, last)


def predict_batch(module: ModuleType) -> Batch | None:
    """Return the module's predict_batch, to be called with contexts; None without one."""
    if not hasattr(module, "predict_batch"):
        return None
    function = usercode.check_callable(module, "predict_batch", ("model", "items", "contexts"), optional=1)
    if not usercode.accepts(function, 3):
        return refusals.guarded_batch(lambda model, items, _: function(model, items))
    return refusals.guarded_batch(function)


def batch_of_one(batch: Batch) -> Callable[[Any, Any, Context], Any]:
    """Return a predict for one request that calls predict_batch."""

    def predict(model: Any, data: Any, context: Context) -> Any:
        (prediction,) = batch(model, [data], [context])
        if isinstance(prediction, BaseException):
            raise prediction
        return prediction

    return predict
