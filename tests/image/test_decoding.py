"""Request bodies to Python objects: types, charsets, JSON and JSON Lines."""

from __future__ import annotations

import json

import numpy as np
import pytest

from longshore_runtime.errors import RequestError
from longshore_runtime.runners.model import media
from longshore_runtime.runners.model.decoding import Decoded, decode
from tests.support.decoding import outcome, refusal


@pytest.mark.parametrize(
    "content_type", ["image/png", "text/plain", "csv", "application/octet-stream", "*/*"]
)
def test_an_unknown_type_is_a_415_that_lists_the_types_read(content_type: str) -> None:
    error = refusal(b"1", content_type)
    assert error.status == 415
    assert content_type in error.detail
    assert all(kind in error.detail for kind in media.SUPPORTED)


def test_an_absent_type_is_a_415_that_says_so() -> None:
    error = refusal(b"1", "")
    assert (error.status, "no Content-Type" in error.detail) == (415, True)


def test_a_very_long_type_is_not_echoed_whole() -> None:
    assert len(refusal(b"1", "x/" + "y" * 5000).detail) < 1000


@pytest.mark.parametrize("kind", ["application/json", "application/jsonlines", "text/csv"])
@pytest.mark.parametrize(
    "charset", ["nonsense", "zip", "hex", "rot13", "punycode", "idna", "undefined", "a\0b", ""]
)
def test_an_unknown_charset_is_a_415_that_names_it(kind: str, charset: str) -> None:
    error = refusal(b"1", f'{kind}; charset="{charset}"')
    assert (error.status, repr(charset) in error.detail) == (415, True)


@pytest.mark.parametrize(
    "charset", ["latin-1", "ISO-8859-1", "windows-1252", "utf-16", "UTF-16LE", "utf_8", "cp037"]
)
@pytest.mark.parametrize("kind", ["application/json", "application/jsonlines", "text/csv"])
def test_the_charset_of_a_text_is_honoured(kind: str, charset: str) -> None:
    decoded = decode('["é"]'.encode(charset.replace("windows-", "cp")), f"{kind}; charset={charset}")
    expected: object = {"application/json": ["é"], "application/jsonlines": [["é"]]}.get(kind)
    assert decoded.data == (expected or [['["é"]']])


def test_plain_numbers_in_another_charset_are_not_taken_for_ascii() -> None:
    assert decode("1,2".encode("cp037"), "text/csv; charset=cp037").data.tolist() == [[1, 2]]
    assert decode("1,2\n3,4\n".encode("utf-16"), "text/csv; charset=utf-16").data.tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize("kind", ["application/json", "application/jsonlines", "text/csv"])
def test_text_that_is_not_in_its_charset_is_a_400_that_says_where(kind: str) -> None:
    assert "line 1, byte 3" in refusal(b'["\xff"]', kind).detail
    assert "offset 2" in refusal(b'["\x81"]', f"{kind}; charset=cp1252").detail
    assert refusal(b"+2AA-", f"{kind}; charset=utf-7").status == 400  # half a surrogate pair


@pytest.mark.parametrize("kind", ["application/json", "application/jsonlines", "text/csv"])
@pytest.mark.parametrize(
    ("charset", "codec"), [("utf-8", "utf-8-sig"), ("utf-16", "utf-16"), ("utf-16-le", "utf-16-le")]
)
def test_a_byte_order_mark_is_left_out(kind: str, charset: str, codec: str) -> None:
    text = "\ufeff1" if codec == "utf-16-le" else "1"
    assert np.ravel(decode(text.encode(codec), f"{kind}; charset={charset}").data).tolist() == [1]


# --- JSON -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content_type", ["application/json", "Application/JSON; charset=utf-8", "application/x+json"]
)
@pytest.mark.parametrize(
    ("value", "records"),
    [
        ([[1, 2], [3, 4]], 2),
        ([], 0),
        ({"instances": [1, 2, 3]}, 3),
        ({"instances": "abc"}, 1),
        ({"a": [1, 2]}, 1),
        ("text", 1),
        (None, 1),
    ],
)
def test_json_is_the_object_and_its_records_are_counted(
    content_type: str, value: object, records: int
) -> None:
    assert decode(json.dumps(value).encode(), content_type) == Decoded(value, None, records)


def test_a_large_integer_that_is_nested_deeply_is_exact_or_refused() -> None:
    """Python 3.11 reads fewer levels than later ones."""
    found = outcome(b"[" * 1010 + b"9" * 30 + b"]" * 1010, "application/json")
    if isinstance(found, RequestError):
        assert found.status == 400
        assert "nested too deeply" in found.detail
    else:
        data = found.data
        while isinstance(data, list):
            (data,) = data
        assert data == int("9" * 30)


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b'{"a":\n  nope}', "line 2, column 3"),
        (b"[1, 2", "line 1, column 6"),
        (b"[NaN]", "line 1, column 2: JSON has no NaN. Send null"),
        (b'{"a": [1, -Infinity]}', "line 1, column 12: JSON has no Infinity. Send null"),
        (b'{"a": Nope}', "line 1, column 7: unexpected character"),
        (b"[1e400]", "line 1, column 2"),
        (b"[" + b"1" * 5000 + b"]", "line 1, column 2"),
        (b"  ", "line 1, column 1"),
        (b"[1]\n[2]", "line 2, column 1"),
        (b"[" * 100_000, "line 1, column"),
    ],
)
def test_json_that_cannot_be_read_is_a_400_with_line_and_column(body: bytes, place: str) -> None:
    error = refusal(body, "application/json")
    assert (error.status, place in error.detail) == (400, True), error.detail


@pytest.mark.parametrize(
    "value",
    [
        2**64,
        2**64 + 1,
        -(2**63) - 1,
        10**300,
        [2**64 - 1, -(2**63)],
        {"id": 2**70, "text": str(2**70), "x": 0.1},
    ],
)
def test_an_integer_of_any_size_is_exact(value: object) -> None:
    text = json.dumps(value)
    assert repr(decode(text.encode(), "application/json").data) == repr(value)
    assert repr(decode(f"1\n{text}\n".encode(), "application/jsonlines").data) == repr([1, value])


def test_long_digits_that_are_no_integer_stay_floats() -> None:
    text = b'[0.12345678901234567890123, 1e-00000000000000000000001, 12345678901234567890123.5, "%s"]' % (
        b"9" * 30
    )
    assert decode(text, "application/json").data == json.loads(text)


# --- JSON Lines -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content_type", ["application/jsonlines", "application/x-ndjson", "application/jsonl"]
)
def test_json_lines_are_a_list_without_the_blank_lines(content_type: str) -> None:
    body = b'\n{"a": 1}\r\n\n  \n[2, 3]\n"x"'
    assert decode(body, content_type) == Decoded([{"a": 1}, [2, 3], "x"], None, 3)


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b'1\n\n{"a": nope}\n', "line 3, column 7"),
        (b'1\n{"a":\n1}', "line 2, column 6"),  # an object over two lines
        (b"1\n2 3\n", "line 2, column 3"),
        (b"1\r\n[2,\r\n", "line 2, column 4"),
        (b"1\n\n\xff", "line 3, byte 1"),
        (b"1\n\nNaN\n", "line 3, column 1: JSON has no NaN. Send null"),
        (b" \n \n", "no record"),
    ],
)
def test_json_lines_that_cannot_be_read_are_a_400_with_line_and_column(body: bytes, place: str) -> None:
    error = refusal(body, "application/jsonlines")
    assert (error.status, place in error.detail) == (400, True), error.detail
