"""Bodies to arrays, with this runtime's own readers: they refuse pickles."""

from __future__ import annotations

from typing import Any

import numpy as np

from longshore_runtime.aws_modules.sagemaker_inference import content_types, errors
from longshore_runtime.runners.model import decoding, npz

_TYPES = (content_types.JSON, content_types.CSV, content_types.NPY, content_types.NPZ)


def decode(obj: str | bytes, content_type: str) -> Any:
    """Return an array, or a sparse matrix of NPZ. Raises UnsupportedFormatError for another type."""
    if content_type not in _TYPES:
        raise errors.UnsupportedFormatError(content_type)
    body = obj.encode() if isinstance(obj, str) else bytes(obj)
    if content_type == content_types.NPZ:
        return npz.read(body)
    data = decoding.decode(body, content_type).data
    return np.array(data) if content_type == content_types.JSON else data
