"""Request bodies to Python objects, by Content-Type.

Every reader takes the body as it came and assumes it is hostile: whatever cannot be read is the
caller's mistake (400), and nothing in a body is ever run, unpickled or believed about its size.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from longshore_runtime import logs
from longshore_runtime.errors import RequestError
from longshore_runtime.runners.model import (
    decoding_arrow,
    decoding_csv,
    decoding_json,
    decoding_memory,
    decoding_npy,
    media,
)
from longshore_runtime.runners.model.decoding_text import not_utf_8, unreadable, utf_8

log = logs.get("model")

# The memory that smaller bodies take decoded is not estimated: it is at most some 10 MB each.
ESTIMATED_FROM = 2**18


class Decoded(NamedTuple):
    """A body as a model gets it: columns are the names in a header, records is how many it holds."""

    data: Any
    columns: tuple[str, ...] | None
    records: int


class Decoder:
    """The built-in decoders, with one server's settings.

    Args:
        csv_header: whether the first row of CSV is a header where the Content-Type does not say so.
        memory: the most bytes of memory that a decoded body may take, by estimate.
        on_guess: called with the columns' names when the first row of CSV is guessed to be a header.
    """

    def __init__(
        self,
        csv_header: str = decoding_csv.GUESS,
        memory: int = 2**62,
        on_guess: Callable[[tuple[str, ...]], None] = lambda columns: None,
    ) -> None:
        self._csv_header = csv_header
        self._on_guess = on_guess
        self.memory = memory

    def __call__(
        self, body: bytes | bytearray, content_type: str, charge: Callable[[int], None] | None = None
    ) -> Decoded:
        """Read a body that is not empty. What data becomes:

        JSON            the object; records is the length of a list, or of the list "instances" in an
                        object, else 1
        JSON Lines      a list of one object a line
        CSV             an array (rows, columns), float64 or object: see decoding_csv.read
        NPY             the array, in this machine's byte order, writable: a view of a bytearray where that
                        can be, else a copy
        Parquet, Arrow  a pyarrow.Table

        Args:
            charge: called before a large body is decoded, with the memory that it takes decoded, by estimate.

        Raises:
            RequestError: 415 for a type or charset that is not read here, 400 for a body that cannot be
                read, 413 for one that takes too much memory decoded, 503 if memory runs out.
        """
        media_type = media.parse(content_type)
        kind = media.canonical(media_type.type)
        if kind not in media.SUPPORTED:
            raise RequestError(415, _not_read(media_type.type))
        try:
            if kind == media.NPY:
                array = decoding_npy.read(body)
                return Decoded(array, None, len(array) if array.ndim else 1)
            if kind in media.ARROW_TYPES:
                table = decoding_arrow.read(bytes(body), kind, self.memory)
                return Decoded(table, tuple(table.column_names), table.num_rows)
            text = utf_8(bytes(body), media_type.params, _NAMES[kind])
            if len(text) >= ESTIMATED_FROM:
                size = decoding_memory.estimate(text, kind, self.memory)
                if size > self.memory:
                    raise _too_large(kind, size, self.memory)
                if charge is not None:
                    charge(size)
            if kind == media.CSV:
                return self._csv(text, media_type.params.get("header"))
            if kind == media.JSON_LINES:
                lines = decoding_json.read_lines(text)
                return Decoded(lines, None, len(lines))
            data = decoding_json.read(text)
        except MemoryError:
            log.warning("out of memory while decoding a %s body of %d bytes", kind, len(body))
            raise _no_memory(kind) from None
        records = data.get("instances") if isinstance(data, dict) else data
        return Decoded(data, None, len(records) if isinstance(records, list) else 1)

    def _csv(self, text: bytes, header: str | None) -> Decoded:
        try:
            asked = self._csv_header if header is None else decoding_csv.header(header)
            data, columns = decoding_csv.read(text, asked)
        except UnicodeDecodeError as error:
            raise not_utf_8(error, "CSV") from None
        except ValueError as error:
            raise unreadable("CSV", str(error)) from None
        if asked == decoding_csv.GUESS and columns is not None:
            self._on_guess(columns)
        return Decoded(data, columns, len(data))


decode = Decoder()  # with the defaults

_NAMES = {media.JSON: "JSON", media.JSON_LINES: "JSON Lines", media.CSV: "CSV"}


def _not_read(kind: str) -> str:
    accepted = f"Send one of: {', '.join(media.SUPPORTED)}."
    if not kind:
        return f"The request has no Content-Type. {accepted}"
    if media.canonical(kind) in media.ARROW_TYPES:
        return (
            f"The Content-Type {kind} is read with pyarrow, which is not installed: add pyarrow to"
            f" container/requirements.txt. {accepted}"
        )
    return f"The Content-Type {kind[:100]!r} is not one that is read here. {accepted}"


def _too_large(kind: str, size: int, most: int) -> RequestError:
    return RequestError(
        413,
        f"The {_NAMES[kind]} body would take about {size >> 20} MB of memory decoded, and {most >> 20} MB are"
        " allowed (MODEL_SERVER_MAX_DECODED_MB). Send fewer records at a time, or numbers as NPY.",
    )


def _no_memory(kind: str) -> RequestError:
    return RequestError(
        503,
        f"The server ran out of memory while it decoded this {_NAMES.get(kind, kind)} body."
        " Send fewer records at a time, or try again later.",
    )
