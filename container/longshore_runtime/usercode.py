"""Import a user's Python file and check the functions asked of it, with a message for each way it can fail.

What is wrong with the file as such (not there, not readable, not Python) and what is wrong with a
function (not there, wrong parameters) is a StartError. Whatever the user's own code raises while it
is imported, an ImportError among them, passes untouched: that traceback is theirs and says most.
"""

from __future__ import annotations

import importlib.util
import inspect
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from longshore_runtime import logs
from longshore_runtime.errors import StartError

log = logs.get("model")

# The modules that load_module put in sys.modules: these, and no others, it may replace.
_loaded: set[str] = set()


def load_module(path: Path, root: Path | None = None) -> ModuleType:
    """Import this file under its own stem, so that it can import its neighbors.

    `import utils` works, with the file's folder on sys.path, and so does `from .utils import clean`. The
    module is in sys.modules under its stem, as pickle and multiprocessing need it. The file runs anew at
    each call.

    Args:
        path: the file.
        root: a folder above it that also goes on sys.path, for `from src.utils import clean`.

    Raises:
        StartError: the file is missing, unreadable, no valid Python, or named like a module that is
            already imported.
    """
    name = path.stem
    if not path.is_file():
        raise StartError(
            str(path),
            "there is no such file.",
            "Put your code there, or name your file in SAGEMAKER_PROGRAM.",
        )
    if not os.access(path, os.R_OK):
        raise StartError(str(path), f"user id {os.getuid()} may not read it.", f"Run: chmod a+r {path}")
    if name in sys.modules and name not in _loaded:
        raise StartError(
            str(path), f"its name hides the module '{name}', which is in use.", "Give the file another name."
        )
    # As a package of its folder, so that relative imports find the neighbors.
    spec = importlib.util.spec_from_file_location(name, path, submodule_search_locations=[str(path.parent)])
    if spec is None or spec.loader is None:
        raise StartError(str(path), "its name does not end in .py.", "Give it a name that does.")
    _as_program(path, [path.parent] if root in (None, path.parent) else [path.parent, root])
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    _loaded.add(name)
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[name]
        if isinstance(error, SyntaxError) and error.filename == str(path):
            raise StartError(
                f"{path} line {error.lineno}", f"this is not valid Python: {error.msg}.", "Mend that line."
            ) from None
        raise
    return module


def _as_program(path: Path, folders: Sequence[Path]) -> None:
    """Have this process look to the user's code like a program of theirs, started without arguments.

    argparse in their file or in their functions then sees no argument of ours. Modules in the folders are
    found before all others, in processes that they start, too. Those that no import can reach are named in
    the log.
    """
    sys.argv = [str(path)]
    first = [str(folder) for folder in folders]
    sys.path[:] = [*first, *(folder for folder in sys.path if folder not in first)]
    os.environ.update(PYTHONPATH=search_path(folders, os.environ))
    for folder in folders:
        for sentence in name_clashes(folder):
            log.warning("%s", sentence)


def search_path(folders: Sequence[Path], environ: Mapping[str, str]) -> str:
    """Return the PYTHONPATH of this environment with the folders in front of it."""
    first = [str(folder) for folder in folders]
    before = environ.get("PYTHONPATH", "").split(os.pathsep)
    return os.pathsep.join([*first, *(name for name in before if name and name not in first)])


def name_clashes(folder: Path) -> list[str]:
    """Return a sentence for each module in the folder whose name is that of one in use, or of Python's."""
    sentences = []
    for path in _modules_in(folder):
        name = path.stem
        used = sys.modules.get(name)
        file = getattr(used, "__file__", None)
        if used is None and name in sys.stdlib_module_names:
            sentences.append(
                f"{path}: it hides Python's own module '{name}' from everything that imports that."
                " Give it another name."
            )
        elif used is not None and name not in _loaded and not _is_below(file, folder):
            sentences.append(
                f"{path}: 'import {name}' does not find it, but a module that is in use"
                f" ({file or 'built in'}). Give it another name."
            )
    return sentences


def _modules_in(folder: Path) -> list[Path]:
    try:
        paths = sorted(folder.iterdir())
    except OSError:  # it may be entered and not be listed
        return []
    return [path for path in paths if path.suffix == ".py" or (path / "__init__.py").is_file()]


def _is_below(file: str | None, folder: Path) -> bool:
    return file is not None and Path(file).absolute().is_relative_to(folder.absolute())


def check_callable(
    module: ModuleType, name: str, parameters: tuple[str, ...], optional: int = 0
) -> Callable[..., Any]:
    """The module's function of this name, sure to be callable with these parameters, by position.

    The last `optional` of the parameters may be missing from the function; ask accepts() which it
    takes. Raises StartError where the function is missing, cannot be called, is async (nothing would
    await it), or takes other parameters.
    """
    file = module.__file__ or module.__name__
    needed = ", ".join(parameters[: len(parameters) - optional])
    expected = f"def {name}({needed})"
    function = getattr(module, name, None)
    if function is None:
        raise StartError(file, f"it has no function {name}().", f"Write one: {expected}")
    if not callable(function):
        raise StartError(
            file, f"'{name}' is a {type(function).__name__}, not a function.", f"Write it as {expected}"
        )
    code = getattr(inspect.unwrap(function), "__code__", None)
    where = f"{code.co_filename} line {code.co_firstlineno}" if code else file
    if inspect.iscoroutinefunction(function):
        raise StartError(where, f"{name}() is async, and nothing awaits it.", f"Write it as {expected}")
    counts = range(len(parameters) - optional, len(parameters) + 1)
    if not any(accepts(function, count) for count in counts):
        nor = f", nor with ({', '.join(parameters)})" if optional else ""
        raise StartError(
            where,
            f"{name}{inspect.signature(function)} cannot be called with ({needed}){nor}.",
            f"Write it as {expected}",
        )
    return function  # type: ignore[no-any-return]  # a module's attribute is Any, callable or not


def takes_context(function: Callable[..., Any], count: int) -> bool:
    """Return whether the function wants a Context after `count` arguments.

    It does if it needs that parameter, or calls it a context. Many scripts have a parameter of their own
    there, with a default: model_fn(model_dir, file_name=None).
    """
    if not accepts(function, count + 1):
        return False
    try:
        parameters = [*inspect.signature(function).parameters.values()]
    except ValueError:  # some functions written in C have no signature
        return True
    if count >= len(parameters):  # *args
        return True
    parameter = parameters[count]
    return (
        parameter.kind is parameter.VAR_POSITIONAL
        or parameter.default is parameter.empty
        or "context" in parameter.name.lower()
        or "ctx" in parameter.name.lower()
    )


def accepts(function: Callable[..., Any], count: int) -> bool:
    """Whether the function takes this many arguments by position; True where that cannot be told."""
    try:
        signature = inspect.signature(function)
    except ValueError:  # some functions written in C have no signature
        return True
    try:
        signature.bind(*range(count))
    except TypeError:
        return False
    return True
