"""Answers one POST /invocations: the runner's answer, or a problem+json that says what went wrong.

What the caller did wrong is told to the caller, with what to send instead; what went wrong inside is
a 500 with the request's id, and the log has the rest under that id.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from functools import partial
from time import monotonic, time
from typing import Any, NamedTuple

from werkzeug.datastructures import EnvironHeaders

from longshore_runtime import contract, logs, problem
from longshore_runtime.errors import RequestError
from longshore_runtime.runners.base import Answer, Context, Runner, UnreadBody
from longshore_runtime.runners.model import failures
from longshore_runtime.runners.model.item import Item, Steps, through
from longshore_runtime.runners.model.queue import ModelQueue
from longshore_runtime.serving import blackbox, client, content_coding, metrics
from longshore_runtime.serving.turns import turns

log = logs.get("predictor")

RECORDS_HEADER = "X-Longshore-Records"  # for nginx's access log, which takes it off the answer
_PRINTABLE_ID = re.compile(rf"[ !#-\[\]-~]{{1,{contract.INFERENCE_ID_MAX}}}")  # as in nginx.conf
_ATTRIBUTES = re.compile(rf"[\x20-\x7e]{{0,{contract.CUSTOM_ATTRIBUTES_MAX}}}")
# By these an answer's end is known, or nginx is told what to do: of a second one it makes a 502.
_NOT_A_MODELS = re.compile(r"content-length|transfer-encoding|connection|upgrade|x-accel-.*", re.IGNORECASE)
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# What a worker says that has not computed, nor found anything wrong.
_REFUSALS = (503, contract.CLIENT_GONE)
_WITHOUT_BODY = (204, 304)
_NGINX_ROUNDS = 0.001  # seconds: it tells in whole milliseconds when a request came
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


class Reply(NamedTuple):
    """An HTTP answer, whatever sends it: lighter than a framework's response, whose powers are not needed."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


class Predictor:
    """Answers through a runner that has been loaded.

    queue: that of the model runner; None with one that has none. body_max: how many bytes a compressed body
    may decompress to.
    """

    def __init__(self, runner: Runner, body_max: int = contract.PAYLOAD_MAX_MB * 2**20) -> None:
        self._runner = runner
        self._body_max = body_max
        # Only the model runner has them.
        self._invoke_unread: Callable[[UnreadBody, Context], Answer]
        self._invoke_unread = getattr(runner, "invoke_unread", self._read_and_invoke)
        self._steps: Callable[[bytes, Context], Steps[Answer]] | None = getattr(runner, "steps", None)
        self.queue: ModelQueue | None = getattr(runner, "queue", None)
        self._settle: Callable[[Item], None] = self.queue.settle if self.queue else lambda item: None
        self._box = blackbox.mine

    def answer(self, environ: dict[str, Any], body: bytes | UnreadBody) -> Reply:
        """The reply to a request with this WSGI environ and body; the thread waits for it. Never raises."""
        return through(self.steps(environ, body), self._settle)

    def steps(self, environ: dict[str, Any], body: bytes | UnreadBody) -> Steps[Reply]:
        """The same, to whoever has the items settled that it yields. Never raises."""
        request_id = request_id_of(environ)
        token = logs.request_id.set(request_id)
        number = self._box.begin(request_id)
        began = monotonic()  # first: a pause before the next line makes the deadline earlier, never later
        ago = _ago(environ)
        context = Context(
            request_id=request_id,
            content_type=environ.get("CONTENT_TYPE", ""),
            accept=environ.get("HTTP_ACCEPT", ""),
            headers=EnvironHeaders(environ),
            custom_attributes=environ.get("HTTP_X_AMZN_SAGEMAKER_CUSTOM_ATTRIBUTES", ""),
            received=began - ago,
            unread=max(0.0, ago - _NGINX_ROUNDS),
            hand_over=turns.hand_over,
            client_gone=partial(client.gone, environ.get("gunicorn.socket")),
        )
        status = 500
        metrics.begin()
        try:
            reply = yield from self._answer(body, environ.get(content_coding.HEADER), context)
            status = reply.status
        finally:
            seconds = monotonic() - began + context.unread
            metrics.end(status, seconds)
            if isinstance(body, UnreadBody):
                body.discard()
            logs.request_id.reset(token)
            self._box.end(number, refused=status in _REFUSALS)
        reply.headers.append(("Server-Timing", _server_timing(context.stages, seconds)))
        return reply

    def _answer(self, body: bytes | UnreadBody, coding: str | None, context: Context) -> Steps[Reply]:
        request_id = context.request_id
        if not body:
            return Reply(204, [(contract.HEADER_INFERENCE_ID, request_id)], b"")
        try:
            if coding is not None:
                body = content_coding.decoded(body, coding, self._body_max)
            if isinstance(body, UnreadBody):
                return _reply(self._invoke_unread(body, context), context)
            if self._steps is None:
                return _reply(self._runner.invoke(body, context), context)
            return _reply((yield from self._steps(body, context)), context)
        except RequestError as error:
            reply = problem_reply(error.status, error.detail, request_id)
            reply.headers.extend(error.headers.items())
            return reply
        except BaseException as error:  # also the exception of a signal's handler that the model has set
            if isinstance(error, GeneratorExit) or failures.ends_this_greenlet(error):
                raise
            log.exception("the model failed")
            detail = "The model failed on this request; the container's log says how, under this request_id."
            return problem_reply(500, detail, request_id)

    def _read_and_invoke(self, body: UnreadBody, context: Context) -> Answer:
        return self._runner.invoke(body.read(), context)


def request_id_of(environ: dict[str, Any]) -> str:
    """The caller's id, or one that nginx has made; or a new one, in a user's own tests without nginx."""
    sent: str = environ.get("HTTP_X_AMZN_SAGEMAKER_INFERENCE_ID", "")
    return sent if _PRINTABLE_ID.fullmatch(sent) else uuid.uuid4().hex


def _ago(environ: dict[str, Any]) -> float:
    """How many seconds ago nginx had the whole request; 0, in a user's own tests without nginx."""
    try:
        ago = time() - float(environ["HTTP_X_LONGSHORE_RECEIVED"])
    except (KeyError, ValueError):
        return 0.0
    return ago if ago > 0 else 0.0


def _server_timing(stages: dict[str, float], total: float) -> str:
    """The header's value: each stage, and all of it, in milliseconds."""
    parts = [f"{stage};dur={seconds * 1000:.3f}" for stage, seconds in stages.items()]
    parts.append(f"total;dur={total * 1000:.3f}")
    return ", ".join(parts)


def problem_reply(status: int, detail: str, request_id: str) -> Reply:
    """An error as problem+json."""
    body = problem.body(status, detail, request_id)
    headers = [
        ("Content-Type", problem.CONTENT_TYPE),
        ("Content-Length", str(len(body))),
        (contract.HEADER_INFERENCE_ID, request_id),
    ]
    return Reply(status, headers, body)


def _reply(answer: Answer, context: Context) -> Reply:
    headers = [*_own_headers(answer, context), *context.answer_headers.items()]
    # What comes from the model must not be able to end a header and begin another.
    for name, value in headers:
        if not (_HEADER_NAME.fullmatch(name) and _HEADER_VALUE.fullmatch(value)):
            raise ValueError(f"this cannot be a header of the answer: {name!r}: {value!r}")
    for name in context.answer_headers:
        if _NOT_A_MODELS.fullmatch(name):
            raise ValueError(f"{name!r} is no header that a model may set: leave it out of answer_headers")
    if answer.status not in _WITHOUT_BODY:
        headers.append(("Content-Length", str(len(answer.body))))
    headers.append((contract.HEADER_INFERENCE_ID, context.request_id))
    headers.append((RECORDS_HEADER, str(answer.records)))
    if context.answer_attributes is not None:
        if not _ATTRIBUTES.fullmatch(context.answer_attributes):
            limit = contract.CUSTOM_ATTRIBUTES_MAX
            raise ValueError(f"answer_attributes must be at most {limit} printable ASCII characters")
        headers.append((contract.HEADER_CUSTOM_ATTRIBUTES, context.answer_attributes))
    return Reply(answer.status, headers, b"" if answer.status in _WITHOUT_BODY else answer.body)


def _own_headers(answer: Answer, context: Context) -> list[tuple[str, str]]:
    """The answer's type, and its headers but for those that the context replaces."""
    headers = [("Content-Type", answer.content_type)] if answer.content_type else []
    if answer.headers:
        replaced = {name.lower() for name in context.answer_headers}
        if context.answer_attributes is not None:
            replaced.add(contract.HEADER_CUSTOM_ATTRIBUTES.lower())
        headers += [header for header in answer.headers if header[0].lower() not in replaced]
    return headers
