"""The model runner: the user's Python model, in this process.

One thread at a time computes, so that a model need not be thread-safe; while that takes long, another
reads and decodes the next request.
"""

from __future__ import annotations

import logging
import threading
import traceback
from collections.abc import Iterator, Sized
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

from werkzeug.wrappers import Response

from app.errors import RequestError
from app.runners.base import Answer, Context
from app.runners.model import decoding, encoding, loader, media
from app.settings import Settings

log = logging.getLogger("model")

# Beside a call this long, changing threads costs next to nothing.
_LONG_SECONDS = 0.001
_WEIGHT_OF_THE_LAST = 0.1


class ModelRunner:
    """Decode, predict, encode. What each may raise, and what becomes of it:

    decode   ValueError: the body cannot be read (400)
    predict  ValueError: the model refuses this data (422)
    encode   ValueError: the model cannot answer in this type (406)
    any      RequestError: as it says; every other exception: the model has failed (500)
    """

    def __init__(self, settings: Settings, program_dir: Path) -> None:
        self._settings = settings
        self._program_dir = program_dir
        self._one_at_a_time = threading.Lock()
        self._began: float | None = None
        self._usual_seconds = 1.0  # a call's, as seen lately; long until some have been seen

    def load(self) -> None:
        self._code = loader.load(self._settings, self._program_dir)
        self._default_accept = self._settings.default_accept or self._code.default_accept
        self._model = self._code.load(self._settings.model_dir)

    def busy_since(self) -> float | None:
        return self._began

    def drain(self, seconds: float) -> None:
        """Nothing runs but requests in flight, for which nginx waits."""

    def invoke(self, body: bytes, context: Context) -> Answer:
        try:
            data, records = self._decode(body, context)
        except ValueError as error:
            raise _refused(400, "the body could not be decoded", error) from error
        try:
            with self._turn(context):
                prediction = self._code.predict(self._model, data, context)
        except ValueError as error:
            raise _refused(422, "the model refused the data", error) from error
        log.debug("predicted %.500r", prediction)
        try:
            encoded, content_type = self._encode(prediction, context)
        except ValueError as error:
            raise _refused(406, "the prediction could not be encoded", error) from error
        return Answer(encoded, content_type, records)

    @contextmanager
    def _turn(self, context: Context) -> Iterator[None]:
        """Wait for the model, no longer than anyone waits for the answer."""
        if self._usual_seconds > _LONG_SECONDS:
            context.hand_over()
        if not self._one_at_a_time.acquire(blocking=False):
            context.hand_over()
            if not self._one_at_a_time.acquire(timeout=self._settings.timeout):
                raise RequestError(503, "The model was busy for too long.", {"Retry-After": "1"})
        began = self._began = monotonic()
        try:
            yield
        finally:
            self._began = None
            self._usual_seconds += (monotonic() - began - self._usual_seconds) * _WEIGHT_OF_THE_LAST
            self._one_at_a_time.release()

    def _decode(self, body: bytes, context: Context) -> tuple[Any, int]:
        if self._code.decode is not None:
            data = self._code.decode(body, context.content_type, context)
            if data is not NotImplemented:
                return data, _count(data)
        decoded = decoding.decode(body, context.content_type)
        context.columns = decoded.columns
        return decoded.data, decoded.records

    def _encode(self, prediction: Any, context: Context) -> tuple[bytes, str]:
        if self._code.encode is not None:
            for accept in self._wanted(context):
                encoded = self._code.encode(prediction, accept, context)
                if encoded is not NotImplemented:
                    return _body_and_type(encoded, accept)
        return encoding.encode(prediction, context.accept, context.content_type, self._default_accept)

    def _wanted(self, context: Context) -> list[str]:
        """The media types to offer to the user's encode, the caller's favourite first."""
        default = self._default_accept or media.parse(context.content_type).type or "application/json"
        ranges = media.acceptable(context.accept) or ["*/*"]
        return [default if wanted == "*/*" else wanted for wanted in ranges]


def _refused(status: int, what: str, error: ValueError) -> RequestError:
    """The caller gets the exception's own words; the log also gets the line it came from."""
    frames = traceback.extract_tb(error.__traceback__)
    at = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "unknown"
    log.warning("%s: %s: %.500s (%s)", what, type(error).__name__, error, at)
    return RequestError(status, str(error) or f"{what[0].upper()}{what[1:]}.")


def _count(data: object) -> int:
    """How many records a body decoded by the user's own code holds: its length, where it has one."""
    return len(data) if isinstance(data, Sized) and not isinstance(data, (str, bytes, dict)) else 1


def _body_and_type(encoded: object, accept: str) -> tuple[bytes, str]:
    """What the user's encode or output_fn returned: a body, a body and its type, or a whole response."""
    content_type = accept
    if isinstance(encoded, Response):
        return encoded.get_data(), encoded.content_type or accept
    if isinstance(encoded, tuple) and len(encoded) == 2 and isinstance(encoded[1], str):
        encoded, content_type = encoded
    if isinstance(encoded, str):
        return encoded.encode(), content_type
    if isinstance(encoded, (bytes, bytearray, memoryview)):
        return bytes(encoded), content_type
    raise TypeError(f"encode returned {type(encoded).__name__}: return bytes or str, or (body, content type)")
