"""Connections: idle, reused, slow and broken ones, and malformed requests (A11)."""

from __future__ import annotations

import contextlib
import http.client
import re
import threading
import time

from longshore import limits
from longshore.check.client import Connection
from longshore.check.exchange import Exchange, excerpt
from longshore.check.rule import Group, NotTried, Outcome, Severity, failed, passed, rule
from longshore.check.session import Session

_IDLE = 64
_KEPT = 10  # requests on one connection
_GONE = 20  # clients that disconnect
_FIRST_PIECE_SECONDS = 0.25  # so that even a busy container reads it before the next piece
_PIECE_SECONDS = 0.002  # so that each piece is a packet of its own

_BACKLOG = "Accept connections in a thread that does nothing else, with a backlog of 128 or more."


@rule(
    "A11-accepts",
    Severity.ERROR,
    Group.REQUESTS,
    "A connection is accepted within 250 ms",
    "SageMaker gives up after that.",
)
def accepts(session: Session) -> Outcome:
    seconds: list[float] = []
    with contextlib.ExitStack() as held:
        for number in range(1, _IDLE + 9):
            # The first one is alone. Whether SageMaker ever keeps as many idle ones is not known.
            severity = None if number == 1 else Severity.WARNING
            others = f"connection {number}, next to {number - 1} idle ones"
            try:
                connection = held.enter_context(session.client.connect(limits.PING_SECONDS))
            except OSError as error:
                return failed(f"{others}: {error}", _BACKLOG, severity)
            seconds.append(connection.accepted_seconds)
            if seconds[-1] > limits.ACCEPT_SECONDS:
                return failed(f"{others}: after {seconds[-1]:.3f} s", _BACKLOG, severity)
    return passed(f"the slowest of {len(seconds)} after {max(seconds) * 1000:.1f} ms")


@rule(
    "A11-beside-idle",
    Severity.WARNING,
    Group.REQUESTS,
    "A request is answered while 64 connections are idle",
    "HTTP clients keep connections open between requests.",
    control=True,
)
def beside_idle(session: Session) -> Outcome:
    payload = session.valid()
    with contextlib.ExitStack() as held:
        for _ in range(_IDLE):
            with contextlib.suppress(OSError):
                held.enter_context(session.client.connect(limits.PING_SECONDS))
        answer = session.client.post(payload.body, payload.content_type)
    if answer.ok:
        return passed(str(answer))
    return failed(
        str(answer), "An idle connection must not occupy a worker: use threads or a proxy such as nginx."
    )


def _on_one(session: Session, connection: Connection, **headers: str) -> Exchange:
    """Send one more request on a connection that stays open."""
    payload = session.valid()
    named = {"Content-Type": payload.content_type, "Content-Length": str(len(payload.body)), **headers}
    begun = time.monotonic()
    connection.send(connection.head("POST", "/invocations", named) + payload.body)
    return connection.answer("POST /invocations", "POST", begun, session.options.patience)


@rule(
    "A11-keep-alive",
    Severity.WARNING,
    Group.REQUESTS,
    "A connection serves several requests, or is closed with Connection: close",
    "If it is closed without notice, the request that is just being sent is lost.",
    control=True,
)
def keep_alive(session: Session) -> Outcome:
    session.valid()
    done = 0
    try:
        with session.client.connect() as connection:
            for _ in range(_KEPT):
                answer = _on_one(session, connection)
                if not answer.ok:
                    return failed(
                        f"request {done + 1}: {answer}",
                        "Answer each request on a connection like the first.",
                    )
                done += 1
                if answer.headers.get("connection", "").lower() == "close":
                    return passed(f"closed after {done}, with Connection: close")
    except (OSError, http.client.HTTPException) as error:
        if done == 1 and session.once("http/1.0", lambda: _speaks_http_10(session)):
            return passed("HTTP/1.0: a connection for each request")
        remedy = "Send Connection: close in the last answer on a connection."
        return failed(f"request {done + 1} on one connection: {error!r}", remedy)
    return passed(f"{done} requests on one connection")


def _speaks_http_10(session: Session) -> bool:
    """Whether it speaks HTTP/1.0, which closes each connection."""
    head = f"GET {session.client.address.prefix}/ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    return session.client.raw(head.encode(), timeout=limits.PING_SECONDS).startswith(b"HTTP/1.0")


@rule(
    "A11-pipelined",
    Severity.NOTE,
    Group.REQUESTS,
    "Two pipelined requests get two answers, or one with Connection: close",
    "Otherwise the second request is never answered.",
    control=True,
)
def pipelined(session: Session) -> Outcome:
    payload = session.valid()
    named = {"Content-Type": payload.content_type, "Content-Length": str(len(payload.body))}
    with session.client.connect() as connection:
        first = connection.head("POST", "/invocations", named) + payload.body
        last = connection.head("POST", "/invocations", {**named, "Connection": "close"}) + payload.body
    got = session.client.raw(first + last, timeout=session.options.settle)
    statuses = re.findall(rb"HTTP/1\.[01] (\d{3}) ", got)
    told = f"two requests in one write → {b', '.join(statuses).decode() or 'nothing'}"
    if len(statuses) == 2 or (statuses and b"\r\nconnection: close" in got.lower()):
        return passed(told)
    return failed(told, "Keep bytes that were read beyond the end of a request: they start the next one.")


@rule(
    "A11-in-pieces",
    Severity.ERROR,
    Group.REQUESTS,
    "A request that arrives in small pieces is answered",
    "TCP may split a request anywhere: a read may return half a header.",
    control=True,
)
def in_pieces(session: Session) -> Outcome:
    payload = session.valid()
    named = {
        "Content-Type": payload.content_type,
        "Content-Length": str(len(payload.body)),
        "Connection": "close",
    }
    begun = time.monotonic()
    pause = threading.Event()
    try:
        with session.client.connect() as connection:
            whole = connection.head("POST", "/invocations", named) + payload.body
            size = max(1, len(whole) // 12)
            for start in range(0, len(whole), size):
                connection.send(whole[start : start + size])
                pause.wait(_PIECE_SECONDS if start else _FIRST_PIECE_SECONDS)
            answer = connection.answer(
                "POST /invocations, in 12 pieces", "POST", begun, session.options.patience
            )
    except (OSError, http.client.HTTPException) as error:
        return failed(f"{error!r}", "Read until the header ends, and until the body is complete.")
    return passed(str(answer)) if answer.ok else failed(str(answer), "Read until the body is complete.")


@rule(
    "A11-expect",
    Severity.WARNING,
    Group.REQUESTS,
    "Expect: 100-continue is answered",
    "Some clients wait for 100 Continue before they send a large body.",
    control=True,
)
def expect(session: Session) -> Outcome:
    payload = session.valid()
    named = {"Content-Type": payload.content_type, "Content-Length": str(len(payload.body))}
    head_only = {**named, "Expect": "100-continue", "Connection": "close"}
    begun = time.monotonic()
    try:
        with session.client.connect(limits.PING_SECONDS) as connection:
            connection.send(connection.head("POST", "/invocations", head_only))
            first = connection.interim(limits.PING_SECONDS)
            if not first.endswith(b"\r\n\r\n"):
                raise TimeoutError(f"{len(first)} bytes came")
            first = first[:12]
            if b" 100" not in first:
                told = f"it answered at once: {first.decode('latin-1')}"
                return (
                    passed(told) if b" 417" in first or b" 2" in first else failed(told, "Send 100 Continue.")
                )
            connection.socket.settimeout(session.options.patience)
            connection.send(payload.body)
            answer = connection.answer("POST /invocations", "POST", begun, session.options.patience)
    except (OSError, http.client.HTTPException) as error:
        return failed(f"no 100 Continue within {limits.PING_SECONDS:g} s: {error!r}", "Send 100 Continue.")
    return passed(str(answer)) if answer.ok else failed(str(answer), "Read the body after 100 Continue.")


def _still_well(session: Session, after: str, remedy: str) -> Outcome:
    """Check that it serves as before; it may need a while for requests whose clients have disconnected."""
    known = None
    usual = 0.0
    with contextlib.suppress(NotTried):
        known, usual = session.valid(), session.reference().seconds
    until = time.monotonic() + session.options.settle + _GONE * usual
    pause = threading.Event()
    while True:
        seen = session.client.get("/ping", timeout=limits.PING_SECONDS)
        if seen.status == 200 and known is not None:
            seen = session.client.post(known.body, known.content_type)
        if seen.ok:
            return passed(f"after {after}: {seen}")
        if time.monotonic() > until:
            return failed(f"after {after}: {seen}", remedy)
        pause.wait(0.05)


@rule(
    "A11-clients-that-go",
    Severity.ERROR,
    Group.REQUESTS,
    "Clients that disconnect during a request do not affect others",
    "Callers time out and disconnect.",
    control=True,
)
def clients_that_go(session: Session) -> Outcome:
    try:
        body, kind = session.valid().body, session.valid().content_type
    except NotTried:
        body, kind = b"1,2\n", "text/csv"
    for number in range(_GONE):
        with contextlib.suppress(OSError), session.client.connect(limits.PING_SECONDS) as connection:
            head = connection.head(
                "POST", "/invocations", {"Content-Type": kind, "Content-Length": str(len(body))}
            )
            whole = head + body
            # Some stop within the header, some within the body, some after the whole request.
            connection.send(whole[: len(whole) * (number % 4 + 1) // 4])
    return _still_well(
        session,
        f"{_GONE} clients that disconnected",
        "Handle errors of reading from and writing to a connection.",
    )


@rule(
    "A11-no-http",
    Severity.WARNING,
    Group.REQUESTS,
    "Malformed and oversized requests are refused, and do not affect others",
    "Port scanners send them.",
    control=True,
)
def no_http(session: Session) -> Outcome:
    prefix = session.client.address.prefix
    post, get = f"POST {prefix}/invocations", f"GET {prefix}/ping"
    sent = {
        "a TLS ClientHello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(32),
        "a request line without a path and a version": b"nonsense\r\n\r\n",
        f"{post} with `Content-Length: minus one`": (
            f"{post} HTTP/1.1\r\nHost: x\r\nContent-Length: minus one\r\n\r\n".encode()
        ),
        f"{post}, chunked, with the chunk size `zz`": (
            f"{post} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n".encode()
        ),
        f"{get} with a header of 200,000 bytes": (
            f"{get} HTTP/1.1\r\nHost: x\r\nX-Long: {'a' * 200_000}\r\n\r\n".encode()
        ),
    }
    for what, data in sent.items():
        got = session.client.raw(data, timeout=limits.PING_SECONDS, half_close=True)
        if got.startswith(b"HTTP/1.1 5") and not got.startswith((b"HTTP/1.1 501", b"HTTP/1.1 505")):
            status = got.partition(b"\r\n")[0].decode("latin-1")
            return failed(f"{what} → {excerpt(status)}", "Answer 400, or close the connection.")
    return _still_well(session, "malformed requests", "Answer 400 to requests that cannot be parsed.")
