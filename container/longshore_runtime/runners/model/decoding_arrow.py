"""Parquet and Arrow bodies to tables, with pyarrow, which is imported when the first one comes."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from typing import Any

from longshore_runtime.errors import RequestError
from longshore_runtime.runners.model import decoding_arrow_sizes, media
from longshore_runtime.runners.model.decoding_text import unreadable

# What a table's batches may take in all: 512 MB for any body, and 16 times the size of a large one.
# What batches share (a dictionary) counts for each, since each is checked in full: this bounds the
# time as well as the memory that a small body can ask for.
_UNPACKED_MAX = 2**29
_UNPACKED_RATIO = 16

# The schema and the batches, none of them read yet, and the sizes that these unpack to by their metadata.
_Opened = tuple[Any, Iterable[Any], Iterable[int]]


def _parquet(pyarrow: Any, body: bytes) -> _Opened:
    file = importlib.import_module("pyarrow.parquet").ParquetFile(pyarrow.BufferReader(body))
    groups = map(file.metadata.row_group, range(file.metadata.num_row_groups))
    chunks = (group.column(column) for group in groups for column in range(group.num_columns))
    sizes = (chunk.total_uncompressed_size for chunk in chunks)
    return file.schema_arrow, file.iter_batches(use_threads=False), sizes


def _arrow_stream(pyarrow: Any, body: bytes) -> _Opened:
    reader = pyarrow.ipc.open_stream(body)
    return reader.schema, reader, decoding_arrow_sizes.of_stream(pyarrow, body)


def _arrow_file(pyarrow: Any, body: bytes) -> _Opened:
    reader = pyarrow.ipc.open_file(body)
    batches = map(reader.get_batch, range(reader.num_record_batches))
    return reader.schema, batches, decoding_arrow_sizes.of_file(pyarrow, body)


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
        schema, batches, sizes = opened(pyarrow, body)
        for known in sizes:
            size += known
            if size > most:
                raise _too_large(what, size)
        size = 0
        for batch in batches:
            batch_size = batch.get_total_buffer_size()
            size += batch_size
            if size > most:
                raise _too_large(what, size)
            batch.validate(full=True)
            if batch.num_rows > 8 * batch_size:  # not a bit for each; any number could be claimed
                raise ValueError(f"it claims {batch.num_rows} rows, but has no data for them")
            taken.append(batch)
        return pyarrow.Table.from_batches(taken, schema)
    except (RequestError, MemoryError):  # ArrowMemoryError is a MemoryError
        raise
    except Exception as error:  # noqa: BLE001 - ArrowException, OSError, UnicodeDecodeError, OverflowError ...
        raise unreadable(what, str(error).partition("\n")[0]) from None


def _too_large(what: str, size: int) -> RequestError:
    return RequestError(
        413, f"The {what} body unpacks to {size >> 20} MB or more. Send fewer rows at a time."
    )
