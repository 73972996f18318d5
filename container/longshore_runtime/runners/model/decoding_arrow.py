"""Parquet and Arrow bodies to tables, with pyarrow, which is imported when the first one comes."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from typing import Any

from longshore_runtime.errors import RequestError
from longshore_runtime.runners.model import media
from longshore_runtime.runners.model.decoding_text import unreadable

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


_OPENERS: dict[str, tuple[str, Callable[[Any, bytes], _Opened]]] = {
    media.PARQUET: ("Parquet", _parquet),
    media.ARROW_STREAM: ("Arrow stream", _arrow_stream),
    media.ARROW_FILE: ("Arrow file", _arrow_file),
}


def read(body: bytes, kind: str, most: int) -> Any:
    """Return the pyarrow.Table of a body of this media type. most: the bytes that it may unpack to.

    Batches are read one at a time, so that reading stops at the limit, and each is validated in full, because
    pyarrow trusts the offsets in a body.
    """
    what, opened = _OPENERS[kind]
    most = min(most, _UNPACKED_MAX + _UNPACKED_RATIO * len(body))
    pyarrow = importlib.import_module("pyarrow")
    taken = []
    size = 0
    try:
        schema, batches = opened(pyarrow, body)
        for batch in batches:
            batch_size = batch.get_total_buffer_size()
            size += batch_size
            if size > most:
                raise RequestError(
                    413, f"The {what} body unpacks to {size >> 20} MB. Send fewer rows at a time."
                )
            batch.validate(full=True)
            if batch.num_rows > 8 * batch_size:  # not a bit for each; any number could be claimed
                raise ValueError(f"it claims {batch.num_rows} rows, but has no data for them")
            taken.append(batch)
        return pyarrow.Table.from_batches(taken, schema)
    except (RequestError, MemoryError):  # ArrowMemoryError is a MemoryError
        raise
    except Exception as error:  # noqa: BLE001 - ArrowException, OSError, UnicodeDecodeError, OverflowError ...
        raise unreadable(what, str(error).partition("\n")[0]) from None
