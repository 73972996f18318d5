"""Finds the user's code and gives its shapes the same names.

Ours: load(model_dir) and predict(model, data), with decode(body, content_type) and encode(prediction,
accept) optional. SageMaker's: model_fn(model_dir), with input_fn, predict_fn, output_fn, transform_fn
optional (toolkit.py), or a handler of the model servers behind them (handler.py). A function may take one
argument more, the request's Context.

Either may have `example`, a request's body and content type: see MODEL_SERVER_GOLDEN_REQUEST; and
`csv_header`, True or False: whether the first row of a CSV body names the columns.

In both, predict_batch(model, items) takes the place of predict: items are the decoded data of several
requests, and it returns a prediction for each. It may take their Contexts as one argument more.

Looked for in this order: the file SAGEMAKER_PROGRAM names (inference.py unless set) in
SAGEMAKER_SUBMIT_DIRECTORY (the model's own code/ folder unless set), then model.py beside the image's
program.
"""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from types import ModuleType

from longshore_runtime import aws_modules, code_folder, toolkit_context, usercode
from longshore_runtime.errors import StartError
from longshore_runtime.runners.model import flask_context, functions, handler, packages, toolkit
from longshore_runtime.runners.model.functions import UserCode
from longshore_runtime.settings import Settings

DEFAULT_PROGRAM = "inference.py"
OWN_PROGRAM = "model.py"


def load(settings: Settings, program_dir: Path) -> UserCode:
    """Import the user's code. StartError for a missing file or function or a wrong signature."""
    path, root = find(settings, program_dir)
    if root != program_dir:  # beside model.py it is the list that the image was built with
        packages.report_missing(path.parent / packages.FILE, settings.run_dir)
    toolkit_context.describe(settings.model_dir)
    aws_modules.provide()
    module = usercode.load_module(path, root)
    if any(hasattr(module, name) for name in toolkit.NAMES):
        code = toolkit.user_code(path, module, settings.default_accept)
    elif handler.is_one(module):
        code = toolkit.of_handler(path, module, settings.default_accept)
    else:
        code = _own(path, module)
    csv_header = getattr(module, "csv_header", None)
    return replace(code, example=getattr(module, "example", None), csv_header=csv_header)


def find(settings: Settings, program_dir: Path) -> tuple[Path, Path]:
    """Return the file that holds the user's code, and the folder it was looked for in.

    Raises StartError where there is none, naming where it was looked for.
    """
    folder = settings.model_dir / "code"
    if settings.submit_directory is not None:
        folder = code_folder.unpacked(settings.submit_directory, settings.run_dir)
    names = code_folder.names(settings.program or DEFAULT_PROGRAM)
    for place in (folder, program_dir) if settings.program else (folder,):
        for name in names:
            if (place / name).is_file():
                return place / name, place
    if settings.program is not None:
        raise StartError(
            "SAGEMAKER_PROGRAM",
            f"there is no file {settings.program!r} in {folder} or {program_dir}.",
            "Put it there, or unset SAGEMAKER_PROGRAM.",
        )
    own = program_dir / OWN_PROGRAM
    if own.is_file():
        return own, program_dir
    raise StartError(
        str(own),
        f"there is no such file, and no {folder / DEFAULT_PROGRAM} either.",
        f"Write {OWN_PROGRAM} with load(model_dir) and predict(model, data).",
    )


def _own(path: Path, module: ModuleType) -> UserCode:
    load = usercode.check_callable(module, "load", ("model_dir",))
    batch = functions.predict_batch(module)
    unreadable, unwritable = HTTPStatus.UNSUPPORTED_MEDIA_TYPE, HTTPStatus.NOT_ACCEPTABLE
    in_context = flask_context.chosen(path)
    if batch is not None and not hasattr(module, "predict"):
        predict = functions.batch_of_one(batch)
    else:
        predict = in_context(functions.required(module, "predict", ("model", "data"), unreadable))
    decode = functions.optional(module, "decode", ("body", "content_type"), unreadable)
    encode = functions.optional(module, "encode", ("prediction", "accept"), unwritable)
    return UserCode(
        path=path,
        load=load,
        predict=predict,
        decode=decode and in_context(decode),
        encode=encode and in_context(encode),
        predict_batch=batch,
    )
