"""Logging: one JSON object a line on stderr, the request's id in every line written during it.

A line an event is what CloudWatch Logs stores and its query language reads (A18). nginx writes the
access log on stdout in the same shape.
"""

from __future__ import annotations

import contextlib
import contextvars
import json
import logging
import sys
import time
from collections.abc import Iterator

# Set by the predictor for the time of one request.
request_id: contextvars.ContextVar[str | None] = contextvars.ContextVar("request_id", default=None)
# The name of the task that the algorithm runner is at.
_task: contextvars.ContextVar[str | None] = contextvars.ContextVar("task", default=None)


@contextlib.contextmanager
def of_task(name: str) -> Iterator[None]:
    """For the time of the block every line names this task; in threads, where they have this context."""
    token = _task.set(name)
    try:
        yield
    finally:
        _task.reset(token)


class JsonFormatter(logging.Formatter):
    """A record as one line: time (UTC, ISO 8601), level, logger, pid, request_id, message, exception.

    A record's `fields`, as in log.info(text, extra={"fields": {"task": pk}}), are further members of it.
    """

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
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
        line |= getattr(record, "fields", {})
        line["message"] = record.getMessage()
        if record.exc_info and record.exc_info[0] is not None:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=repr)  # ASCII only, so that no message can break the line


def configure(level: int) -> None:
    """Send every logger's records of at least this level to stderr, as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
