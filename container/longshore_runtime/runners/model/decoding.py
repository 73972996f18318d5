"""Request bodies to Python objects, by Content-Type.

Every reader takes the body as it came and assumes it is hostile: whatever cannot be read is the
caller's mistake (400), and nothing in a body is ever run, unpickled or believed about its size.
"""

from __future__ import annotations

import ast
import importlib
import io
import math
import re
from collections.abc import Callable, Iterable, Mapping
from encodings import normalize_encoding
from encodings.aliases import aliases
from functools import lru_cache, partial
from typing import Any, Literal, NamedTuple

import numpy as np
import orjson
from numpy.lib import format as npy

from longshore_runtime.errors import RequestError
from longshore_runtime.runners.model import decoding_csv, media


class Decoded(NamedTuple):
    """A body as a model gets it: columns are the names in a header, records is how many it holds."""

    data: Any
    columns: tuple[str, ...] | None
    records: int


def decode(body: bytes | bytearray, content_type: str) -> Decoded:
    """Read a body that is not empty. What data becomes:

    JSON            the object; records is the length of a list, or of the list "instances" in an
                    object, else 1
    JSON Lines      a list of one object a line
    CSV             an array (rows, columns), float64 or str: see decoding_csv.read
    NPY             the array, in this machine's byte order, writable: a view of a bytearray where that can
                    be, else a copy
    Parquet, Arrow  a pyarrow.Table

    Raises RequestError: 415 for a type or charset that is not read here, 400 for a body that cannot be
    read, 413 for a table too large to unpack.
    """
    media_type = media.parse(content_type)
    kind = media.canonical(media_type.type)
    if kind not in media.SUPPORTED:
        raise RequestError(415, _not_read(media_type.type))
    if kind == media.NPY:
        return _npy(body)
    return _READERS[kind](bytes(body), media_type.params)


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


def _unreadable(what: str, why: str) -> RequestError:
    return RequestError(400, f"The {what} body cannot be read: {why[:300].rstrip('.')}.")


# --- text -------------------------------------------------------------------------------------------

_BOM = b"\xef\xbb\xbf"
_UTF_8 = ("utf-8", "utf8", "us-ascii", "ascii", "utf-8-sig")
# The charsets Python has other names for: the world's, without its own curiosities (punycode takes
# quadratic time). Only names in this table are looked up, since Python remembers each it is asked for.
_CHARSETS = frozenset(aliases.values()) - {
    "base64_codec", "bz2_codec", "hex_codec", "mbcs", "quopri_codec", "rot_13", "uu_codec", "zlib_codec",
}  # fmt: skip


def _utf_8(body: bytes, params: Mapping[str, str], what: str) -> bytes:
    """The body in UTF-8, without a byte order mark; a body that says it is UTF-8 is not checked here."""
    charset = params.get("charset", "utf-8").lower()
    if charset not in _UTF_8:
        name = normalize_encoding(charset)
        name = aliases.get(name, name)
        if name not in _CHARSETS:
            raise RequestError(415, f"The charset {charset[:100]!r} is not known. Send utf-8.")
        try:
            body = body.decode(name).encode()
        except UnicodeDecodeError as error:
            raise _unreadable(what, f"the byte at offset {error.start} is not valid {charset}") from None
        except UnicodeEncodeError:  # half a surrogate pair, which UTF-7 lets through
            raise _unreadable(what, f"it is not valid {charset}") from None
    return body.removeprefix(_BOM)


def _not_utf_8(error: UnicodeDecodeError, what: str, first_line: int = 1) -> RequestError:
    line = first_line + error.object.count(b"\n", 0, error.start)
    byte = error.start - error.object.rfind(b"\n", 0, error.start)
    return _unreadable(what, f"line {line}, byte {byte}: this is not valid UTF-8")


# --- JSON -------------------------------------------------------------------------------------------


def _json(body: bytes, params: Mapping[str, str]) -> Decoded:
    data = _parsed(_utf_8(body, params, "JSON"), "JSON")
    records = data.get("instances") if isinstance(data, dict) else data
    return Decoded(data, None, len(records) if isinstance(records, list) else 1)


def _json_lines(body: bytes, params: Mapping[str, str]) -> Decoded:
    lines = enumerate(io.BytesIO(_utf_8(body, params, "JSON Lines")), 1)
    data = [_parsed(line.rstrip(), "JSON Lines", number) for number, line in lines if not line.isspace()]
    if not data:
        raise _unreadable("JSON Lines", "it holds no record")
    return Decoded(data, None, len(data))


def _parsed(text: bytes, what: str, first_line: int = 1) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        try:
            text.decode()  # orjson does not say where UTF-8 breaks
        except UnicodeDecodeError as broken:
            raise _not_utf_8(broken, what, first_line) from None
        line = first_line + error.lineno - 1
        raise _unreadable(what, f"line {line}, column {error.colno}: {error.msg}") from None


# --- CSV --------------------------------------------------------------------------------------------


def _csv(body: bytes, params: Mapping[str, str]) -> Decoded:
    body = _utf_8(body, params, "CSV")
    try:
        data, columns = decoding_csv.read(body, params.get("header", "").lower())
    except UnicodeDecodeError as error:
        raise _not_utf_8(error, "CSV") from None
    except ValueError as error:
        raise _unreadable("CSV", str(error)) from None
    return Decoded(data, columns, len(data))


# --- NPY --------------------------------------------------------------------------------------------

_NPY_HEADER_MAX = 10_000  # bytes, numpy's own limit
_NPY_DIMENSIONS_MAX = 32
_NpyHeader = tuple[tuple[int, ...], Literal["C", "F"], np.dtype[Any]]  # shape, order and type of the data
# The tokens of an honest header. It is a Python literal, and Python's parser can be made to run out of
# stack by long chains of operators; a header of these tokens has none.
_NPY_HEADER = re.compile(rb"""(?:[\s{}()\[\],:]|[0-9]{1,18}(?![0-9])|True|False|'[^'\\\n]*'|"[^"\\\n]*")*""")


def _npy(body: bytes | bytearray) -> Decoded:
    start = 10 if body[6:7] == b"\1" else 12
    end = start + int.from_bytes(body[8:start], "little")
    if not body.startswith(npy.MAGIC_PREFIX) or end > len(body):
        raise _unreadable("NPY", "it does not start with a whole NPY header")
    if end - start > _NPY_HEADER_MAX:
        raise _unreadable("NPY", f"its header is longer than {_NPY_HEADER_MAX} bytes")
    shape, order, dtype = _npy_header(bytes(body[start:end]), body[6])
    size = math.prod(shape) * dtype.itemsize
    if size != len(body) - end:
        raise _unreadable("NPY", f"its header promises {size} bytes of data, but {len(body) - end} follow")
    try:
        if dtype.kind == "U":  # numpy would only find out when the strings are used
            str(memoryview(body)[end:], "utf-32-be" if dtype.byteorder == ">" else "utf-32-le")
        data = np.ndarray(shape, dtype, body, offset=end, order=order)
        if not (data.flags.writeable and data.flags.aligned and dtype.isnative):
            data = data.astype(dtype.newbyteorder("="))
    except (ValueError, OverflowError) as error:
        raise _unreadable("NPY", str(error)) from None
    return Decoded(data, None, len(data) if data.ndim else 1)


@lru_cache(maxsize=64)
def _npy_header(header: bytes, version: int) -> _NpyHeader:
    """What a header says. numpy's own reader would write on stderr about what it finds odd."""
    try:
        if not _NPY_HEADER.fullmatch(header):
            raise ValueError("its header is malformed")
        fields = ast.literal_eval(header.decode("utf-8" if version == 3 else "latin-1").strip())
        shape, dtype = fields["shape"], npy.descr_to_dtype(fields["descr"])
        if not (isinstance(shape, tuple) and all(type(length) is int for length in shape)):
            raise ValueError("the shape in its header is malformed")
        if dtype.hasobject:
            raise ValueError("it holds Python objects; send numbers or strings")
        if len(shape) > _NPY_DIMENSIONS_MAX:
            raise ValueError(f"it has {len(shape)} dimensions, {_NPY_DIMENSIONS_MAX} are allowed")
        if dtype.itemsize == 0 or (0 in shape and shape[0] != 0):  # any number of records for no data
            raise ValueError(f"an array of shape {shape} and type {dtype} has records without data")
        return shape, "F" if fields["fortran_order"] is True else "C", dtype
    except Exception as error:  # noqa: BLE001 - Python's parser and numpy's types fail in many ways
        raise _unreadable("NPY", str(error).partition("\n")[0]) from None


# --- Parquet and Arrow ------------------------------------------------------------------------------

# What a table's batches may take in all: 512 MB for any body, and 16 times the size of a large one.
# What batches share (a dictionary) counts for each, since each is checked in full: this bounds the
# time as well as the memory that a small body can ask for.
_UNPACKED_MAX = 2**29
_UNPACKED_RATIO = 16

_Opened = tuple[Any, Iterable[Any]]  # the schema and the batches, none of them read yet


def _parquet(pyarrow: Any, body: bytes) -> _Opened:
    file = importlib.import_module("pyarrow.parquet").ParquetFile(pyarrow.BufferReader(body))
    return file.schema_arrow, file.iter_batches(use_threads=False)


def _arrow_stream(pyarrow: Any, body: bytes) -> _Opened:
    reader = pyarrow.ipc.open_stream(body)
    return reader.schema, reader


def _arrow_file(pyarrow: Any, body: bytes) -> _Opened:
    reader = pyarrow.ipc.open_file(body)
    return reader.schema, map(reader.get_batch, range(reader.num_record_batches))


def _table(
    body: bytes, params: Mapping[str, str], what: str, opened: Callable[[Any, bytes], _Opened]
) -> Decoded:
    """Read batch by batch, so that what unpacks to too much is left in time, each checked in full:
    pyarrow itself believes the offsets in a body.
    """
    pyarrow = importlib.import_module("pyarrow")
    taken = []
    size = 0
    try:
        schema, batches = opened(pyarrow, body)
        for batch in batches:
            batch_size = batch.get_total_buffer_size()
            size += batch_size
            if size > _UNPACKED_MAX + _UNPACKED_RATIO * len(body):
                raise RequestError(
                    413, f"The {what} body unpacks to {size >> 20} MB. Send fewer rows at a time."
                )
            batch.validate(full=True)
            if batch.num_rows > 8 * batch_size:  # not a bit for each; any number could be claimed
                raise ValueError(f"it claims {batch.num_rows} rows, but has no data for them")
            taken.append(batch)
        table = pyarrow.Table.from_batches(taken, schema)
        return Decoded(table, tuple(table.column_names), table.num_rows)
    except RequestError:
        raise
    except Exception as error:  # noqa: BLE001 - ArrowException, OSError, UnicodeDecodeError, OverflowError ...
        raise _unreadable(what, str(error).partition("\n")[0]) from None


_READERS: dict[str, Callable[[bytes, Mapping[str, str]], Decoded]] = {
    media.JSON: _json,
    media.JSON_LINES: _json_lines,
    media.CSV: _csv,
    media.PARQUET: partial(_table, what="Parquet", opened=_parquet),
    media.ARROW_STREAM: partial(_table, what="Arrow stream", opened=_arrow_stream),
    media.ARROW_FILE: partial(_table, what="Arrow file", opened=_arrow_file),
}
