"""Every type that a model may return, in every format: exact, a documented conversion, or refused."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from longshore_runtime.errors import RequestError
from longshore_runtime.runners.model import media
from longshore_runtime.runners.model.decoding import decode
from longshore_runtime.runners.model.encoding import encode
from tests.support import types_page
from tests.support.types_table import ROWS, Row

# Their columns are pandas' own types, which pyarrow alone reads in another form.
STORED_AS_PANDAS_DOES = ("Series of Period", "Series of Interval")


def named(row: Row) -> str:
    return row.what


def test_the_page_shows_what_the_encoder_writes() -> None:
    assert types_page.page() == types_page.PAGE.read_text()


@pytest.mark.parametrize("row", ROWS, ids=named)
def test_what_a_format_cannot_hold_is_refused_and_never_answered_with_other_values(row: Row) -> None:
    """A 406 if another format can hold it, a TypeError (500) if none can. Not asked, JSON is all there is."""
    formats = [kind for kind in media.SUPPORTED if types_page.body(row, kind) is not None]
    for kind in set(media.SUPPORTED) - set(formats):
        with pytest.raises(RequestError if formats else TypeError) as caught:
            encode(row.make(), kind, "", None)
        assert not formats or getattr(caught.value, "status", None) == 406
    if media.JSON in formats:
        assert encode(row.make(), "*/*", "", None)[1] == media.JSON
    else:
        with pytest.raises(TypeError, match=r"cannot be written: ."):
            encode(row.make(), "*/*", "", None)


@pytest.mark.parametrize("row", ROWS, ids=named)
def test_json_lines_are_the_elements_of_the_json(row: Row) -> None:
    text, lines = types_page.body(row, media.JSON), types_page.body(row, media.JSON_LINES)
    assert (text is None) == (lines is None)
    if text is not None and lines is not None:
        value = json.loads(text)
        assert [json.loads(line) for line in lines.splitlines()] == (
            value if isinstance(value, list) else [value]
        )


@pytest.mark.parametrize("kind", [media.NPY, *media.ARROW_TYPES])
@pytest.mark.parametrize("row", ROWS, ids=named)
def test_the_values_of_the_other_formats_are_those_of_json(row: Row, kind: str) -> None:
    text, found = types_page.body(row, media.JSON), types_page.body(row, kind)
    if text is None or found is None or row.what in STORED_AS_PANDAS_DOES:
        return
    if kind == media.NPY:
        read: Any = np.load(io.BytesIO(found), allow_pickle=False)
    else:
        read = decode(found, kind).data
    ours = list(leaves(json.loads(text)))
    theirs = list(leaves(json.loads(encode(read, media.JSON, "", None)[0])))
    assert len(ours) == len(theirs)
    assert all(map(same, ours, theirs)), (ours, theirs)


def leaves(value: Any) -> Iterator[Any]:
    """What is in lists and objects, in its order, without the names: not every format has them."""
    if isinstance(value, (list, dict)):
        for element in value.values() if isinstance(value, dict) else value:
            yield from leaves(element)
    else:
        yield value


def same(ours: Any, theirs: Any) -> bool:
    if isinstance(ours, float) and isinstance(theirs, (int, float)):
        return math.isclose(ours, theirs, rel_tol=1e-7)  # a float32 has other digits as a float
    return bool(ours == theirs) or ours == f"{theirs}T00:00:00"  # a date
