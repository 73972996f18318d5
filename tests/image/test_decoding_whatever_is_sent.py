"""Whatever is sent, as whatever type: it is read, or refused with a 4xx."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from longshore_runtime.errors import RequestError
from longshore_runtime.runners.model import media
from tests.support.decoding import ARROW_FORMS, TABLE, outcome, saved, with_header, written

KINDS = [
    *media.SUPPORTED,
    "text/csv;header=present",
    "text/csv;charset=utf-16",
    "application/json;charset=utf-7",
]
SEEDS = {
    media.JSON: b'{"instances": [[1, 2.5, "x", null], []]}',
    media.JSON_LINES: b'{"a": 1}\n[2, "x"]\n\n3\n',
    media.CSV: b'a,b\r\n1,"x ""y"""\n2.5,\n',
    media.NPY: saved(np.arange(6, dtype="<i2").reshape(2, 3)),
    **{kind: written(TABLE, kind) for kind in ARROW_FORMS},
}


def check_read_or_refused(body: bytes, content_type: str) -> None:
    found = outcome(body, content_type)
    if isinstance(found, RequestError):
        assert 400 <= found.status < 500
        assert 0 < len(found.detail) < 1000
    else:
        assert found.records >= 0


@settings(max_examples=300)
@given(st.binary(max_size=200), st.sampled_from(KINDS))
def test_any_bytes_are_read_or_refused(body: bytes, content_type: str) -> None:
    check_read_or_refused(body, content_type)


@settings(max_examples=1000)
@given(
    st.sampled_from(sorted(SEEDS)),
    st.lists(
        st.tuples(st.integers(0, 2000), st.integers(0, 5), st.binary(max_size=5)), min_size=1, max_size=3
    ),
)
def test_any_damage_to_a_good_body_is_read_or_refused(kind: str, cuts: list[tuple[int, int, bytes]]) -> None:
    body = SEEDS[kind]
    for place, length, replacement in cuts:
        at = place % (len(body) + 1)
        body = body[:at] + replacement + body[at + length :]
    check_read_or_refused(body, kind)


@given(
    st.text("{}()[],:'\"0123456789<>|=fiUOSV TrueFalsdcpthn_or\\\n-+*.", max_size=120), st.binary(max_size=16)
)
def test_any_npy_header_is_read_or_refused(text: str, data: bytes) -> None:
    check_read_or_refused(with_header(text, data), media.NPY)


@given(st.text(st.characters(max_codepoint=255), max_size=80))
def test_any_content_type_is_read_or_refused(content_type: str) -> None:
    for parameters in ("", "; charset=", "; header="):
        for kind in ("", "text/csv"):
            check_read_or_refused(b"1,2\n", kind + parameters + content_type)
