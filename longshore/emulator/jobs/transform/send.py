"""Requests to the containers of one instance, as batch transform sends them (C3, C4)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import IO, Any

from longshore.emulator.faults import Failure
from longshore.emulator.jobs.control import Control
from longshore.emulator.jobs.transform.wire import Address, Answer, Connection, Gone, Malformed
from longshore.emulator.parts import passed_on
from longshore.limits import ERROR_BODY_MAX

_BLOCK = 1 << 16
_RETRY_SECONDS = 0.5  # before the second try, then twice as long each time

Sink = Callable[[bytes], object]


class _Again(Exception):
    """This try has failed, and another one may do better; the text says why."""


class Sender:
    """Sends bodies through the containers of a pipeline, usually one, and returns the last one's answer.

    Thread-safe: each thread keeps a connection of its own to each container.
    """

    def __init__(
        self,
        addresses: list[Address],
        headers: dict[str, str],
        *,
        chunked: bool,
        timeout: float,
        retries: int,
        control: Control,
    ) -> None:
        """chunked: without Content-Length, MaxPayloadInMB 0 (C3). timeout: seconds for a whole answer."""
        self._addresses = addresses
        self._headers = headers
        self._chunked = chunked
        self._timeout = timeout
        self._retries = retries
        self._control = control
        self._kept = threading.local()  # its dictionary: address -> connection

    def send(self, body: bytes, where: str) -> bytes:
        """The answer to a body; Failure, which names `where` it came from, after the last try."""
        headers = self._headers
        for address in self._addresses:
            body, content_type = self._through(address, headers, body, where)
            headers = passed_on(headers, content_type)
        return body

    def stream(
        self, source: Callable[[], AbstractContextManager[IO[bytes]]], spool: IO[bytes], where: str
    ) -> None:
        """The same for a whole object as it is read, and an answer that goes to a file as it comes."""
        start = spool.tell()

        def once() -> str | None:
            spool.seek(start)
            spool.truncate()
            with source() as stream:
                return self._once(self._addresses[0], self._headers, _blocks(stream), spool.write)

        self._repeat(once, where)

    @property
    def can_stream(self) -> bool:
        """Whether stream() may be used: a pipeline's answers in between would have to be kept somewhere."""
        return len(self._addresses) == 1

    def _through(
        self, address: Address, headers: dict[str, str], body: bytes, where: str
    ) -> tuple[bytes, str | None]:
        """One container's answer, and its Content-Type."""
        out = bytearray()

        def once() -> str | None:
            out.clear()
            return self._once(address, headers, [body] if self._chunked else body, out.extend)

        content_type = self._repeat(once, where)
        return bytes(out), content_type

    def _repeat(self, once: Callable[[], str | None], where: str) -> str | None:
        for number in range(self._retries + 1):
            try:
                return once()
            except _Again as error:
                if number == self._retries:
                    tries = f" (tried {number + 1} times)" if number else ""
                    raise Failure(f"ClientError: {where}: the container {error}{tries}") from None
                self._control.check()
                time.sleep(_RETRY_SECONDS * 2**number)
            except Failure as failure:
                raise Failure(f"ClientError: {where}: the container {failure}") from None
        return None

    def _once(
        self, address: Address, headers: dict[str, str], body: bytes | Iterable[bytes], sink: Sink
    ) -> str | None:
        """The answer's Content-Type; its body is in the sink."""
        deadline = time.monotonic() + self._timeout
        kept: dict[Any, Any] = self._kept.__dict__
        connection = None
        try:
            connection, answer = self._begin(kept.pop(address, None), address, headers, body, deadline)
            if not 200 <= answer.status < 300:
                said = b"".join(_beginning(connection.blocks(answer))).decode(errors="replace")
                said = said[:ERROR_BODY_MAX].strip()
                text = f"answered {answer.status}: {said}" if said else f"answered {answer.status}"
                raise (_Again if answer.status >= 500 else Failure)(text)
            for block in connection.blocks(answer):
                sink(block)
            if not answer.closes:
                kept[address], connection = connection, None
            return answer.content_type
        except TimeoutError:
            raise _Again(f"did not answer within {self._timeout:.0f} s") from None
        except (Gone, OSError) as error:
            raise _Again(f"did not answer: {error}") from None
        except Malformed as error:
            raise _Again(f"answered with {error}") from None
        finally:
            if connection is not None:
                connection.close()

    def _begin(
        self,
        kept: Connection | None,
        address: Address,
        headers: dict[str, str],
        body: bytes | Iterable[bytes],
        deadline: float,
    ) -> tuple[Connection, Answer]:
        """The answer's head, on the connection that was kept, unless its other end has closed it."""
        if kept is not None:
            try:
                if isinstance(body, bytes):
                    return kept, kept.post(headers, body, deadline)
            except Gone:
                pass
            except BaseException:
                kept.close()
                raise
            kept.close()
        connection = Connection(address, "/invocations", deadline)
        try:
            return connection, connection.post(headers, body, deadline)
        except BaseException:
            connection.close()
            raise


def _beginning(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """As much of an error's body as is told."""
    size = 0
    for block in blocks:
        yield block
        size += len(block)
        if size >= ERROR_BODY_MAX:
            return


def _blocks(stream: IO[bytes]) -> Iterator[bytes]:
    while block := stream.read(_BLOCK):
        yield block
