"""Predictions to answer bodies, in the type the caller accepts.

A writer writes the whole of a prediction, or refuses because its format cannot say it; then the next
type the caller accepts is tried. docs/types.md has what each format makes of each type.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

from longshore_runtime.errors import RequestError
from longshore_runtime.runners.model import media
from longshore_runtime.runners.model.encoding import binary, csv_text, json_text, tables
from longshore_runtime.runners.model.encoding.values import Inexpressible

_Writer = Callable[[Any], bytes]


def encode(
    prediction: object, accept: str, content_type: str, default_accept: str | None
) -> tuple[bytes, str]:
    """Write a prediction for a request with these Accept and Content-Type headers ('' where absent).

    Where the caller has no preference (no Accept, '' or '*/*'), default_accept is tried first, or
    without it the request's own type, then JSON, and no other. bytes pass as they are, str is text
    where that is accepted.

    Returns: the body and its media type.

    Raises:
        RequestError: 406, if no accepted type can be written, but another can.
        TypeError: if the prediction cannot be written at all, or not as JSON where no type was named: the
            model's fault, not the caller's.
    """
    if isinstance(prediction, (bytes, bytearray, memoryview)):
        return bytes(prediction), _type_of_bytes(accept, default_accept)
    refused: dict[str, str] = {}
    for kind in _ranked(accept, content_type, default_accept, isinstance(prediction, str)):
        try:
            return _write(prediction, kind), _ANSWERED.get(kind, kind)
        except Inexpressible as error:
            refused[kind] = str(error)
            if kind == media.JSON and not _is_named(accept, kind):  # who expects JSON cannot read the others
                raise _unwritable(prediction, refused) from None
    possible = _possible(prediction, refused)
    if not possible:
        raise _unwritable(prediction, refused)
    raise RequestError(
        406, f"The answer cannot be given as {accept[:100]!r}. Accept one of: {', '.join(possible)}."
    )


def _unwritable(prediction: object, refused: dict[str, str]) -> TypeError:
    reason = refused.get(media.JSON) or next(iter(refused.values()))
    return TypeError(f"the prediction ({type(prediction).__name__}) cannot be written: {reason}")


def _is_named(accept: str, kind: str) -> bool:
    return any(media.canonical(name) == kind for name in media.acceptable(accept))


def encode_as(prediction: object, kind: str) -> bytes:
    """Write a prediction in this one type. Raises TypeError if that is impossible."""
    try:
        return _write(prediction, kind)
    except Inexpressible as error:
        raise TypeError(f"{type(prediction).__name__} cannot be written as {kind}: {error}") from None


def _write(prediction: object, kind: str) -> bytes:
    try:
        return _WRITERS[kind](prediction)
    except UnicodeEncodeError as error:
        raise TypeError(f"the prediction has text that is not valid Unicode: {error}") from error
    except (ValueError, OverflowError, RecursionError) as error:  # which would be the caller's fault
        raise TypeError(f"the prediction cannot be written as {kind}: {error}") from error


def _possible(prediction: object, refused: dict[str, str]) -> list[str]:
    """The types that the prediction can be written in. Adds the reasons for the others to `refused`."""
    possible = [kind for kind in _CHEAP if _can_be(prediction, kind, refused)]
    if possible:  # importing pyarrow takes seconds, so look only whether this is a table
        table = tables.is_table(prediction) or media.CSV in possible
        rest = media.ARROW_TYPES if table and media.ARROW_INSTALLED else ()
        return possible + [kind for kind in rest if kind not in refused]
    return [kind for kind in media.SUPPORTED if kind not in _CHEAP and _can_be(prediction, kind, refused)]


def _can_be(prediction: object, kind: str, refused: dict[str, str]) -> bool:
    if kind in refused:
        return False
    try:
        _write(prediction, kind)
    except (Inexpressible, TypeError) as error:
        refused[kind] = str(error)
        return False
    return True


@lru_cache(maxsize=256)
def _rank(accept: str, content_type: str, default_accept: str | None, is_text: bool) -> tuple[str, ...]:
    preferred = media.canonical(media.parse(default_accept or content_type).type)
    offered = media.SUPPORTED + ((media.TEXT,) if is_text else ())
    if preferred in offered:
        offered = tuple(dict.fromkeys((preferred, *offered)))
    return media.rank(accept, offered)


def _ranked(accept: str, content_type: str, default_accept: str | None, is_text: bool) -> tuple[str, ...]:
    """The types to try, in turn. Remembered as media's are: for headers of bounded length."""
    short = len(accept) <= media.LONGEST_REMEMBERED and len(content_type) <= media.LONGEST_REMEMBERED
    rank = _rank if short else _rank.__wrapped__
    return rank(accept, content_type, default_accept, is_text)


def _type_of_bytes(accept: str, default_accept: str | None) -> str:
    """What the model's own bytes are: what was asked for by name, or else what the deployment says."""
    named = (wanted for wanted in media.acceptable(accept) if "*" not in wanted)
    return next(named, default_accept or media.BYTES)


def _text(prediction: str) -> bytes:
    return prediction.encode()


_CHEAP = (media.JSON, media.JSON_LINES, media.CSV, media.NPY)  # those without pyarrow
_WRITERS: dict[str, _Writer] = {
    media.JSON: json_text.to_json,
    media.JSON_LINES: json_text.to_json_lines,
    media.CSV: csv_text.to_csv,
    media.NPY: binary.to_npy,
    media.TEXT: _text,
    media.PARQUET: partial(binary.to_arrow, form="parquet"),
    media.ARROW_STREAM: partial(binary.to_arrow, form="new_stream"),
    media.ARROW_FILE: partial(binary.to_arrow, form="new_file"),
}
# The media types of answers, where they are more than the canonical type.
_ANSWERED = {media.CSV: "text/csv; charset=utf-8", media.TEXT: "text/plain; charset=utf-8"}
