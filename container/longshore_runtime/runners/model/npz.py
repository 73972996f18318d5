"""Sparse matrices in NPZ, which the inference toolkit reads with scipy (application/x-npz)."""

from __future__ import annotations

import importlib
import importlib.util
import io
import zipfile
from typing import Any

from longshore_runtime.errors import RequestError

TYPE = "application/x-npz"

# What a body may unpack to, as of Arrow tables: 512 MB for any, and 16 times the size of a large one.
_UNPACKED_MAX = 2**29
_UNPACKED_RATIO = 16


def read(body: bytes) -> Any:
    """Return the matrix that scipy.sparse.save_npz wrote.

    Raises RequestError: 415 without scipy, 413 for a body that unpacks to too much, 400 for one that cannot
    be read, or whose indices are out of bounds.
    """
    if importlib.util.find_spec("scipy") is None:
        raise RequestError(
            415,
            f"The Content-Type {TYPE} is read with scipy, which is not installed.",
        )
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
        raise _unreadable(error) from None
    if size > _UNPACKED_MAX + _UNPACKED_RATIO * len(body):
        raise RequestError(413, f"The NPZ body unpacks to {size >> 20} MB. Send fewer rows at a time.")
    try:
        matrix = importlib.import_module("scipy.sparse").load_npz(io.BytesIO(body))
        if matrix.format in ("csr", "csc", "bsr"):  # scipy's own code believes the indices otherwise
            matrix.check_format(full_check=True)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - numpy's, zipfile's and scipy's readers fail in many ways
        raise _unreadable(error) from None
    return matrix


def _unreadable(error: Exception) -> RequestError:
    why = str(error).partition("\n")[0][:300].rstrip(".")
    return RequestError(400, f"The NPZ body cannot be read: {why or type(error).__name__}.")
