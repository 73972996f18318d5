"""Requests whose end or whose headers could be read in two ways: none in them ever reaches the model."""

from __future__ import annotations

import pytest

from tests.support.gated import Gated
from tests.support.raw_http import (
    BODY,
    CHUNKED,
    END,
    HEAD,
    LAST,
    LENGTH,
    SMUGGLED,
    chunk,
    statuses,
    until_closed,
    whole,
)

REFUSED = {
    "a length and chunks": HEAD + LENGTH + b"Transfer-Encoding: chunked\r\n\r\n" + END + SMUGGLED,
    "chunks and a length": HEAD
    + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n"
    + chunk(BODY)
    + END,
    "two lengths": HEAD + LENGTH + b"Content-Length: 0\r\n\r\n" + BODY + SMUGGLED,
    "one length twice": HEAD + LENGTH + LENGTH + b"\r\n" + BODY + SMUGGLED,
    "a list of lengths": HEAD + b"Content-Length: 0, 0\r\n\r\n" + SMUGGLED,
    "a length with a plus": HEAD + b"Content-Length: +0\r\n\r\n" + SMUGGLED,
    "a negative length": HEAD + b"Content-Length: -1\r\n\r\n" + SMUGGLED,
    "a hexadecimal length": HEAD + b"Content-Length: 0x0\r\n\r\n" + SMUGGLED,
    "a length beyond 64 bits": HEAD + b"Content-Length: 99999999999999999999\r\n\r\n" + SMUGGLED,
    "a space before the colon": HEAD + b"Content-Length : 0\r\n" + LENGTH + b"\r\n" + BODY,
    "two codings": HEAD
    + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n"
    + END
    + SMUGGLED,
    "a folded coding": HEAD + b"Transfer-Encoding:\r\n chunked\r\n\r\n" + END + SMUGGLED,
    "a folded length": HEAD + b"X-A: b\r\n Content-Length: 0\r\n" + LENGTH + b"\r\n" + SMUGGLED,
    "a CR in a header": HEAD + b"X-A: b\rContent-Length: 0\r\n" + LENGTH + b"\r\n" + SMUGGLED,
    "a NUL in a header": HEAD + b"X-A: b\0c\r\n" + LENGTH + b"\r\n" + BODY,
    "a header without a name": HEAD + b": b\r\n" + LENGTH + b"\r\n" + BODY,
    "two hosts": HEAD + b"Host: y\r\n" + LENGTH + b"\r\n" + BODY,
    "chunks in HTTP/1.0": CHUNKED.replace(b"HTTP/1.1", b"HTTP/1.0") + chunk(BODY) + END + SMUGGLED,
    "HTTP/0.9": b"POST /invocations\r\n" + SMUGGLED,
    "HTTP/2.0": whole("outer").replace(b"HTTP/1.1", b"HTTP/2.0"),
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a tunnel": b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n" + SMUGGLED,
    "TLS": bytes.fromhex("16030100f1010000ed0303") + b"x" * 100,
    "every byte": bytes(range(256)) * 10,
    "line ends of CR alone": whole("outer").replace(b"\r\n", b"\r"),
    "5,000 headers": HEAD + b"a: b\r\n" * 10_000 + LENGTH + b"\r\n" + BODY,
    "headers without an end": HEAD + b"a: b\r\n" * 1_000_000,
    "a header without an end": HEAD + b"a: " + b"b" * 10_000_000,
    "a request line without an end": b"POST /" + b"b" * 10_000_000,
    "a chunk of negative size": CHUNKED + chunk(BODY, b"-1") + END + SMUGGLED,
    "a chunk's size with 0x": CHUNKED + chunk(BODY, b"0x%x" % len(BODY)) + END + SMUGGLED,
    "a chunk's size with a plus": CHUNKED + chunk(BODY, b"+%x" % len(BODY)) + END + SMUGGLED,
    "a chunk's size beyond 64 bits": CHUNKED + chunk(BODY, b"1" + b"0" * 16) + END + SMUGGLED,
    "a chunk of 2^64-1 bytes": CHUNKED + chunk(BODY, b"f" * 16) + END + SMUGGLED,
    "a chunk without a size": CHUNKED + chunk(BODY, b"") + END + SMUGGLED,
    "a chunk longer than its size": CHUNKED + chunk(BODY, b"5") + END + SMUGGLED,
    "a chunk shorter than its size": CHUNKED + chunk(BODY, b"%x" % (len(BODY) + 2)) + END + SMUGGLED,
    "a LF in a chunk's extension": CHUNKED + chunk(BODY, None, b';a="\nb"') + END + SMUGGLED,
    "a CR in a chunk's extension": CHUNKED + chunk(BODY, None, b";a\rb") + END + SMUGGLED,
    "chunks with line ends of LF alone": CHUNKED + b"%x\n%s\n0\n\n" % (len(BODY), BODY) + SMUGGLED,
} | {
    f"the coding {coding!r}{' and a length' if length else ''}": (
        HEAD + length + b"Transfer-Encoding: " + coding + b"\r\n\r\n" + END + SMUGGLED
    )
    for coding in (
        b"xchunked",
        b"identity",
        b"gzip, chunked",
        b"chunked, chunked",
        b'"chunked"',
        b"\x0bchunked",
    )
    for length in (b"", b"Content-Length: 5\r\n")
}


@pytest.mark.parametrize("request_bytes", REFUSED.values(), ids=REFUSED)
def test_what_is_no_clear_request_is_refused_with_all_that_follows(one: Gated, request_bytes: bytes) -> None:
    answers = until_closed(one.server, request_bytes)
    assert all(400 <= status < 500 for status in statuses(answers)), answers
    assert len(statuses(answers)) <= 1
    assert b"<html>" not in answers
    assert one.decoded() == []


ODD = {
    "a chunk's size with zeros before it": CHUNKED + chunk(BODY, b"0" * 8 + b"%x" % len(BODY)) + END,
    "a chunk's extension": CHUNKED + chunk(BODY, None, b';a="b"') + END,
    "a long chunk's extension": CHUNKED + chunk(BODY, None, b";" + b"a" * 100_000) + END,
    "a trailer with a length": CHUNKED + chunk(BODY) + b"0\r\nContent-Length: 5\r\n\r\n",
    "a trailer with a coding": CHUNKED + chunk(BODY) + b"0\r\nTransfer-Encoding: chunked\r\n\r\n",
    "a coding spelt with an underscore": whole("outer", b"Transfer_Encoding: chunked\r\n"),
    "a path spelt with an underscore": whole("outer", b"SCRIPT_NAME: /x\r\nPATH_INFO: /ping\r\n"),
    "an upgrade to HTTP/2": whole("outer", b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"),
    "a header that nginx keeps for itself": whole("outer", b"X-Longshore-Received: 1\r\n"),
    "a head with line ends of LF alone": whole("outer").replace(b"\r\n", b"\n"),
    "HTTP/1.2": whole("outer").replace(b"HTTP/1.1", b"HTTP/1.2"),
}


@pytest.mark.parametrize("request_bytes", ODD.values(), ids=ODD)
def test_what_is_odd_but_clear_is_one_request(one: Gated, request_bytes: bytes) -> None:
    answers = until_closed(one.server, request_bytes + LAST)
    assert statuses(answers) == [200, 200]
    assert one.decoded() == ["outer", "last"]


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"POST /ping", 200),
        (b"POST /nowhere", 404),
        (b"GET /invocations", 405),
        (b"PUT /invocations", 405),
        (b"POST /metrics", 405),
    ],
    ids=lambda value: value.decode() if isinstance(value, bytes) else str(value),
)
def test_a_body_that_nobody_reads_is_not_the_next_request(one: Gated, line: bytes, status: int) -> None:
    head = line + b" HTTP/1.1\r\nHost: x\r\n"
    for body in (
        b"Content-Length: %d\r\n\r\n" % len(SMUGGLED) + SMUGGLED,
        b"Transfer-Encoding: chunked\r\n\r\n" + chunk(SMUGGLED) + END,
    ):
        assert statuses(until_closed(one.server, head + body + LAST)) == [status, 200]
    assert one.decoded() == ["last", "last"]


def test_more_headers_than_a_worker_takes_are_400(one: Gated) -> None:
    headers = b"".join(b"a%d: b\r\n" % number for number in range(150))
    answers = until_closed(one.server, whole("outer", headers) + LAST)
    assert statuses(answers) == [400, 200]
    assert one.decoded() == ["last"]


def test_a_length_that_is_too_short_leaves_no_request(one: Gated) -> None:
    answers = until_closed(one.server, HEAD + b"Content-Length: 5\r\n\r\n" + BODY)
    assert statuses(answers) == [400, 400]
    assert one.decoded() == []
