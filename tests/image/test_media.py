"""Media types: names and their aliases, and what an Accept header asks for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longshore_runtime.errors import RequestError
from longshore_runtime.runners.model import media

HEADERS = st.text(st.characters(max_codepoint=255), max_size=60) | st.text(
    '*/,;="\\q.01 acsvtext', max_size=60
)


@pytest.mark.parametrize(
    ("content_type", "kind", "params"),
    [
        ("text/csv", "text/csv", {}),
        ("Text/CSV; Charset=UTF-8", "text/csv", {"charset": "UTF-8"}),
        ('text/csv;header="present" ;charset="utf-8"', "text/csv", {"header": "present", "charset": "utf-8"}),
        ('text/x; a="b;c\\"d"', "text/x", {"a": 'b;c"d'}),
        ("application/json;", "application/json", {}),
        ("text/csv; header; charset=latin-1", "text/csv", {"charset": "latin-1"}),
        ("", "", {}),
        ("nonsense", "nonsense", {}),
    ],
)
def test_a_content_type_is_read_whatever_its_case_and_parameters(
    content_type: str, kind: str, params: dict[str, str]
) -> None:
    parsed = media.parse(content_type)
    assert (parsed.type, dict(parsed.params)) == (kind, params)


@pytest.mark.parametrize(
    ("alias", "canonical"),
    [
        ("application/vnd.api+json", media.JSON),
        ("application/x-jsonlines", media.JSON_LINES),
        ("application/jsonl", media.JSON_LINES),
        ("application/x-jsonl", media.JSON_LINES),
        ("application/x-ndjson", media.JSON_LINES),
        ("application/ndjson", media.JSON_LINES),
        ("application/csv", media.CSV),
        ("application/vnd.apache.parquet", media.PARQUET),
        ("application/x-npy", media.NPY),
        ("image/png", "image/png"),
    ],
)
def test_every_alias_has_one_canonical_name(alias: str, canonical: str) -> None:
    assert media.canonical(alias) == canonical


@pytest.mark.parametrize(
    ("accept", "ranges"),
    [
        ("text/csv", ("text/csv",)),
        ("TEXT/CSV;Q=0.5, Application/JSON", ("application/json", "text/csv")),
        ("*/*, text/*, text/csv", ("text/csv", "text/*", "*/*")),
        ("text/csv, application/json", ("text/csv", "application/json")),
        ("text/csv;q=0.2, */*;q=0.8, application/json", ("application/json", "*/*", "text/csv")),
        ("*/*, text/csv;q=0", ("*/*",)),
        ("text/csv;q=0.000", ()),
        ("text/html, *; q=.2, */*; q=.1", ("text/html", "*/*", "*/*")),
        (
            "text/csv;q=high, text/plain;q=-1, text/x;q=1.1, text/y;q=nan, application/json",
            ("application/json",),
        ),
        ("csv, /, text/, ,", ()),
        ('text/csv;note="a,b";q=0.5, text/plain', ("text/plain", "text/csv")),
        ("", ()),
    ],
)
def test_accept_is_ordered_by_quality_then_specificity_then_place(
    accept: str, ranges: tuple[str, ...]
) -> None:
    assert media.acceptable(accept) == ranges


OFFERED = (media.JSON, media.CSV, media.NPY)


@pytest.mark.parametrize(
    ("accept", "ranked"),
    [
        ("", OFFERED),
        ("  ", OFFERED),
        ("*/*", OFFERED),
        ("application/*", (media.JSON, media.NPY)),
        ("application/csv", (media.CSV,)),
        ("application/hal+json", (media.JSON,)),
        ("*/*, text/csv", (media.CSV, media.JSON, media.NPY)),
        ("*/*, application/json;q=0.5", (media.CSV, media.NPY, media.JSON)),
        ("text/*;q=0.5, */*;q=0.1", (media.CSV, media.JSON, media.NPY)),
        ("image/png", ()),
        ("csv", ()),
    ],
)
def test_offered_types_are_ranked_by_their_most_specific_range(accept: str, ranked: tuple[str, ...]) -> None:
    assert media.rank(accept, OFFERED) == ranked


@pytest.mark.parametrize(
    "accept",
    [
        "*/*, text/csv;q=0",
        "text/csv;q=0, */*",
        "text/csv;q=0.0, text/*, */*",
        "*/*;q=0.1, application/csv;q=0",
    ],
)
def test_a_type_of_quality_zero_is_never_given_however_wide_another_range(accept: str) -> None:
    assert media.rank(accept, OFFERED) == (media.JSON, media.NPY)


@given(HEADERS)
def test_no_header_breaks_the_readers(header: str) -> None:
    assert media.parse(header).type == media.parse(header).type.lower()
    assert all("/" in wanted for wanted in media.acceptable(header))
    assert set(media.rank(header, OFFERED)) <= set(OFFERED)


def test_a_header_too_long_to_remember_is_read_all_the_same() -> None:
    assert media.parse("text/csv; charset=utf-8; x=" + "a" * 3000).params["charset"] == "utf-8"
    assert media.acceptable("text/" + "x" * 3000 + ",text/csv;q=0.5")[-1] == "text/csv"


@pytest.mark.parametrize(
    "accept", ["a/b;q=0.1," * 700, "*," * 100 + "*/*", "a/b;" * 2000, "," * 7000, '"' * 7000]
)
def test_a_header_that_would_take_long_to_read_is_refused(accept: str) -> None:
    for read in (media.acceptable, lambda header: media.rank(header, OFFERED)):
        with pytest.raises(RequestError) as refused:
            read(accept)
        assert refused.value.status == 431
    if len(accept) > 4096:
        with pytest.raises(RequestError):
            media.parse(accept)
