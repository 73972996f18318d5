"""A request's body to the data of a prediction, and a prediction to an answer.

By the user's own functions where there are any, and else by the readers and writers of this package.
"""

from __future__ import annotations

import sysconfig
import traceback
from collections.abc import Sized
from pathlib import Path
from time import monotonic
from typing import Any

from longshore_runtime import logs
from longshore_runtime.errors import RequestError
from longshore_runtime.runners.base import Answer, Context
from longshore_runtime.runners.model import encoding, failures, media, results
from longshore_runtime.runners.model.conversions import Conversions
from longshore_runtime.runners.model.functions import UserCode

log = logs.get("model")

# Parts of the paths of installed packages, of Python itself and of this runtime.
_NOT_THE_USERS = ("-packages/", f"{sysconfig.get_path('stdlib')}/", f"{Path(__file__).parents[2]}/", "<")


class Codec:
    """Decodes and encodes for one model.

    Args:
        code: the user's functions.
        default_accept: the media type of an answer whose request asks for none; None for the request's own.
        conversions: records what runs.
    """

    def __init__(self, code: UserCode, default_accept: str | None, conversions: Conversions) -> None:
        self._code = code
        self._default_accept = default_accept
        self._conversions = conversions

    def decode(self, body: bytes | bytearray, context: Context) -> tuple[Any, int]:
        """Return what the model is to compute, and how many records that is.

        Raises:
            RequestError: if the body cannot be read (400), or as the user's decode says.
            Exception: whatever else the user's decode raises.
        """
        began = monotonic()
        conversion = self._conversions.begin(began, context.request_id, "a decode")
        try:
            decoded = self._decoded(body, context)
        except ValueError as error:
            raise refused(400, "the body could not be decoded", error) from error
        except Exception:
            raise
        except BaseException as error:
            raise failures.of(error) from error
        finally:
            self._conversions.end(conversion)
        context.stages["decode"] = monotonic() - began
        return decoded

    def _decoded(self, body: bytes | bytearray, context: Context) -> tuple[Any, int]:
        if self._code.decode is not None:
            assert isinstance(body, bytes)
            data = self._code.decode(body, context.content_type, context)
            if data is not NotImplemented:
                return data, _count(data)
        decoded = context.decode(body, context.content_type)
        context.columns = decoded.columns
        return decoded.data, decoded.records

    def encode(self, prediction: Any, records: int, context: Context) -> Answer:
        """Return the answer to a request for so many records.

        Raises:
            RequestError: if no acceptable type can express the prediction (406), or encode says so.
            Exception: whatever else the user's encode raises.
        """
        began = monotonic()
        conversion = self._conversions.begin(began, context.request_id, "an encode")
        try:
            encoded = self._encoded(prediction, records, context)
        except Exception:
            raise
        except BaseException as error:
            raise failures.of(error) from error
        finally:
            self._conversions.end(conversion)
        context.stages["encode"] = monotonic() - began
        return encoded

    def _encoded(self, prediction: Any, records: int, context: Context) -> Answer:
        if results.is_response(prediction):
            return results.answer_of(prediction, records)
        wanted = (context.accept, context.content_type, self._default_accept)
        if self._code.encode is not None:
            for accept in self._wanted(context):
                try:
                    encoded = self._code.encode(prediction, accept, context)
                except ValueError as error:
                    raise refused(406, "the prediction could not be encoded", error) from error
                if results.is_response(encoded):
                    return results.answer_of(encoded, records)
                if encoded is not NotImplemented:
                    return Answer(*results.body_and_type(encoded, accept, wanted), records)
        if prediction is None:  # from user code, most likely a mistake; its own encode may want it
            raise TypeError(
                f"predict (or predict_fn, predict_batch) of {self._code.path} returned None:"
                " is a `return` missing?"
            )
        return Answer(*encoding.encode(prediction, *wanted), records)

    def _wanted(self, context: Context) -> list[str]:
        """The media types to offer to the user's encode, the caller's favourite first."""
        default = self._default_accept or media.parse(context.content_type).type or "application/json"
        ranges = media.acceptable(context.accept) or ["*/*"]
        return [default if media.matches(wanted, default) else wanted for wanted in ranges]


def refused(status: int, what: str, error: ValueError) -> Exception:
    """Return what to raise for a ValueError of the user's code, whose words are for the caller."""
    if failures.misuses_threads(error):
        return failures.ModelFailedError(f"{type(error).__name__}: {error}")
    frames = traceback.extract_tb(error.__traceback__)
    # A library may have raised it: the line of the user's code that called it says more.
    users = [frame for frame in frames if not any(part in frame.filename for part in _NOT_THE_USERS)]
    at = f"{users[-1].filename}:{users[-1].lineno}" if users else "unknown"
    log.warning("%s: %s: %.500s (%s)", what, type(error).__name__, error, at)
    return RequestError(status, str(error) or f"{what[0].upper()}{what[1:]}.")


def _count(data: object) -> int:
    """How many records a body decoded by the user's own code holds: its length, where it has one."""
    if not isinstance(data, Sized) or isinstance(data, (str, bytes, dict)):
        return 1
    try:
        return len(data)
    except Exception:  # noqa: BLE001 - a sparse matrix has rows, but refuses; an array may have no dimension
        rows = (getattr(data, "shape", None) or (1,))[0]
        return rows if isinstance(rows, int) else 1
