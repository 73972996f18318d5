"""Logging: one JSON object a line on stderr, the request's id in every line written during it.

A line an event is what CloudWatch Logs stores and its query language reads (A18). nginx writes the
access log on stdout in the same shape.

Our loggers are not in the registry of Python's logging module, which belongs to the user's code: dictConfig,
logging.disable(), basicConfig(force=True), or a level or a handler there silences none of our lines. The
records of the user's own loggers reach the registry's root logger, which writes them as JSON lines, too,
unless their code configures it.
"""

from __future__ import annotations

import contextlib
import contextvars
import json
import logging
import math
import re
import time
import traceback
from collections.abc import Iterator, Mapping
from typing import Any

from longshore_runtime import descriptors

# Set by the predictor for the time of one request.
request_id: contextvars.ContextVar[str | None] = contextvars.ContextVar("request_id", default=None)
# The name of the task that the algorithm runner is at.
_task: contextvars.ContextVar[str | None] = contextvars.ContextVar("task", default=None)

# CloudWatch Logs cuts lines at 256 KB (1 MB since 2025): one cut there is no JSON any more. What a program
# writes comes in pieces that fit (runners/algorithm/program/output.py).
_LINE_MAX = 240 * 1024
_TEXT_MAX = 6 * 1024  # of each text in a line that is too long: in ASCII a character takes 12 bytes at most
_DEPTH_MAX = 4  # of a record's fields, where they are not JSON as they are
_ITEMS_MAX = 100
_SURROGATE = re.compile("[\ud800-\udfff]")
_NO_LINE = b'{"level": "ERROR", "logger": "logs", "message": "a log record could not be written"}\n'
_OURS = ("time", "level", "logger", "pid", "request_id", "message", "exception", "stack")


@contextlib.contextmanager
def of_task(name: str) -> Iterator[None]:
    """For the time of the block every line names this task; in threads, where they have this context."""
    token = _task.set(name)
    try:
        yield
    finally:
        _task.reset(token)


class JsonFormatter(logging.Formatter):
    """A record as one line: time (UTC, ISO 8601), level, logger, pid, request_id, message, exception, stack.

    A record's `fields`, as in log.info(text, extra={"fields": {"task": pk}}), are further members of it.
    Whatever a record holds becomes a line: what JSON cannot express, and what cannot be formatted, is
    described.
    """

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
            + f".{int(record.msecs):03d}Z",
            "level": record.levelname,
            "logger": record.name,
            "pid": record.process,
        }
        if (current := request_id.get()) is not None:
            line["request_id"] = current
        if (name := _task.get()) is not None:
            line["task"] = name
        line |= _fields(record)
        line["message"] = _message(record)
        if isinstance(record.exc_info, tuple) and record.exc_info[0] is not None:
            line["exception"] = self._exception(record.exc_info)
        if record.stack_info:
            line["stack"] = record.stack_info
        try:
            text = json.dumps(line, default=repr, allow_nan=False)  # ASCII: no message can break the line
        except Exception:  # noqa: BLE001  # a repr() may raise anything
            text = json.dumps(_plain(line))
        if "\\ud" in text:
            text = _without_surrogates(text)
        return text if len(text) <= _LINE_MAX else _cut(line)

    def _exception(self, exc_info: Any) -> str:
        try:
            return self.formatException(exc_info)
        except Exception as error:  # noqa: BLE001  # an exception's own methods may raise anything
            return f"{_safe_repr(exc_info)} (it cannot be formatted: {_safe_repr(error)})"


def _cut(line: dict[str, Any]) -> str:
    """The line as JSON of a bounded length: its texts cut, or its fields left out where they are too many."""
    ours = {name: _plain(value, _TEXT_MAX) for name, value in line.items() if name in (*_OURS, "task")}
    fields = {name: value for name, value in line.items() if name not in ours}
    text = json.dumps(ours | {_text(n, _TEXT_MAX): _plain(v, _TEXT_MAX) for n, v in fields.items()})
    if len(text) > _LINE_MAX:
        text = json.dumps(ours | {"fields": f"{len(fields)} fields of {len(text)} characters are left out"})
    return text


def _without_surrogates(text: str) -> str:
    """The JSON text with lone surrogates spelled out: alone they are no text, and few readers take them."""
    raw = json.dumps(json.loads(text), ensure_ascii=False)
    if not _SURROGATE.search(raw):
        return text  # whole pairs
    return json.dumps(json.loads(_SURROGATE.sub(lambda half: f"\\\\u{ord(half[0]):04x}", raw)))


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception as error:  # noqa: BLE001  # arguments that do not fit the text, or that cannot be printed
        problem = traceback.format_exception_only(error)[-1].strip()
        return f"{_safe_str(record.msg)} (its arguments do not fit: {_safe_repr(record.args)}: {problem})"


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    """The record's own members, none of which replaces one of ours."""
    fields = getattr(record, "fields", None)
    if fields is None:
        return {}
    if not isinstance(fields, Mapping):
        return {"fields": fields}
    try:
        named = {_safe_str(name): value for name, value in fields.items()}
    except Exception:  # noqa: BLE001  # a mapping of the user's own
        return {"fields": _safe_repr(fields)}
    return {f"fields.{name}" if name in _OURS else name: value for name, value in named.items()}


def _plain(value: Any, text_max: int | None = None, depth: int = 0) -> Any:
    """The value as what JSON can express, its texts cut to at most `text_max` characters."""
    if value is None or (isinstance(value, int) and value.bit_length() <= 64):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else repr(value)
    if isinstance(value, Mapping) and depth < _DEPTH_MAX:
        with contextlib.suppress(Exception):
            items = list(value.items())[: _ITEMS_MAX if text_max else None]
            return {_text(_safe_str(k), text_max): _plain(v, text_max, depth + 1) for k, v in items}
    if isinstance(value, list | tuple) and depth < _DEPTH_MAX:
        return [_plain(item, text_max, depth + 1) for item in value[: _ITEMS_MAX if text_max else None]]
    return _text(value if isinstance(value, str) else _safe_repr(value), text_max)


def _text(text: str, most: int | None) -> str:
    if most is not None and len(text) > most:
        left_out = f" [... {len(text) - most} characters left out ...] "
        text = text[: most // 2] + left_out + text[-most // 2 :]
    return _SURROGATE.sub(lambda half: f"\\u{ord(half[0]):04x}", text)


def _safe_str(value: object) -> str:
    try:
        return str(value)
    except Exception:  # noqa: BLE001
        return _safe_repr(value)


def _safe_repr(value: object) -> str:
    try:
        return repr(value)
    except Exception as error:  # noqa: BLE001
        return f"<{type(value).__name__}, whose repr() raised {type(error).__name__}>"


class _Handler(logging.Handler):
    """Writes to the standard error that this process started with, whatever sys.stderr is by now."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            descriptors.write_to_stderr(self.format(record).encode() + b"\n")
        except Exception:  # noqa: BLE001  # logging must not fail what is logged, nor print a traceback
            descriptors.write_to_stderr(_NO_LINE)


class _Logger(logging.Logger):
    """One of ours: without the record factory that the user's code may set for its own."""

    def makeRecord(self, name, level, fn, lno, msg, args, exc_info, func=None, extra=None, sinfo=None):  # type: ignore[no-untyped-def]  # as above
        record = logging.LogRecord(name, level, fn, lno, msg, args, exc_info, func, sinfo)
        record.__dict__.update(extra or {})
        return record


# A registry of our own: `manager` is looked up in the logger, and Python's own stays in logging.Logger.
root = _Logger("root", logging.WARNING)  # above all of ours
_manager = _Logger.manager = logging.Manager(root)  # type: ignore[arg-type]  # it uses nothing of RootLogger's
_manager.setLoggerClass(_Logger)


def get(name: str) -> logging.Logger:
    """Return the logger of ours that has this name: one that no user's code can find or change by it."""
    return _manager.getLogger(name)


def configure(level: int) -> None:
    """Send every logger's records of at least this level to stderr, as JSON lines: ours and the users'."""
    descriptors.keep()
    root.setLevel(level)
    root.handlers = [_handler()]
    logging.basicConfig(level=level, handlers=[_handler()], force=True)


def _handler() -> logging.Handler:
    handler = _Handler()
    handler.setFormatter(JsonFormatter())
    return handler
