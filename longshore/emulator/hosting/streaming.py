"""InvokeEndpointWithResponseStream (B1): a container's answer goes out as it comes, piece by piece."""

from __future__ import annotations

import logging
import select
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from longshore.emulator.bodies import in_blocks
from longshore.emulator.faults import AwsError, request_id
from longshore.emulator.hosting import event_stream
from longshore.emulator.hosting.deployment import Variant, is_serverless
from longshore.emulator.hosting.errors import broken, model_error, timed_out
from longshore.emulator.hosting.exchange import BROKEN, Exchange, NotReached
from longshore.emulator.hosting.instance import Instance
from longshore.emulator.hosting.invocation import (
    TARGET_VARIANT,
    in_service,
    lease,
    passed_headers,
    payload,
)
from longshore.emulator.hosting.passage import Unreached, pass_through
from longshore.emulator.hosting.targets import check_targets
from longshore.emulator.parts import passed_on
from longshore.emulator.platform import Platform
from longshore.limits import ERROR_BODY_MAX, MB, PAYLOAD_MB_REAL_TIME, STREAM_SECONDS

_log = logging.getLogger("longshore.emulator")

_LOOK_SECONDS = 0.25  # how often a stream looks whether its client is still there
_UTF8_MAX = 4  # bytes of a character


def invoke_with_stream(
    platform: Platform, name: str, environ: dict[str, Any], start_response: Callable[..., Any]
) -> Iterable[bytes]:
    """The whole request, the answer in pieces; AwsError for all that is wrong before its first one."""
    # Its caller's own Accept is for the stream, and that for the container is beside it.
    headers = passed_headers({**environ, "HTTP_ACCEPT": environ.get("HTTP_X_AMZN_SAGEMAKER_ACCEPT", "")})
    if is_serverless(in_service(platform, name).config):
        raise AwsError("ValidationError", f"Endpoint {name} is serverless, and streams no answers.")
    body = payload(environ, PAYLOAD_MB_REAL_TIME * MB)
    variant, instance, exchange, container = _begin(platform, name, headers, body)
    response = exchange.response
    if not 200 <= response.status < 300:
        said = exchange.head(_UTF8_MAX * ERROR_BODY_MAX)
        exchange.close()
        instance.release()
        raise model_error(platform, name, response.status, said, container)
    told = {
        "X-Amzn-SageMaker-Content-Type": response.headers["Content-Type"],
        "X-Amzn-SageMaker-Custom-Attributes": response.headers["X-Amzn-SageMaker-Custom-Attributes"],
        "x-Amzn-Invoked-Production-Variant": variant.name,
    }
    send_head = start_response(
        "200 OK",
        [
            ("Content-Type", event_stream.CONTENT_TYPE),
            *((header, value) for header, value in told.items() if value is not None),
            *request_id(),
        ],
    )
    return _Stream(exchange, instance, send_head, environ["longshore.socket"], platform.stopping)


def _begin(
    platform: Platform, name: str, headers: dict[str, str], body: bytes
) -> tuple[Variant, Instance, Exchange, str]:
    """An instance that has begun to answer, with the request counted in, and the container that answers.

    In a pipeline that is the last one; the others answer as a whole.
    """
    tried: set[str] = set()
    while True:
        variant, instance = lease(platform, name, headers.get(TARGET_VARIANT), tried)
        exchange = None
        try:
            check_targets(name, variant.model, headers)
            *before, last = instance.way(headers)
            sent, told = body, headers
            if before:
                answer = pass_through(platform, name, instance, before, headers, body)
                sent, told = answer.data, passed_on(headers, answer.headers.get("Content-Type"))
            exchange = Exchange(last.address, STREAM_SECONDS)
            exchange.send(told, in_blocks(sent), len(sent))
            return variant, instance, exchange, last.name
        except BaseException as error:
            if exchange is not None:
                exchange.close()
            instance.release()
            if isinstance(error, Unreached) or (isinstance(error, NotReached) and not before):
                instance.suspect()
                tried.add(instance.id)
                continue
            if isinstance(error, TimeoutError):
                raise timed_out(platform, name, last.name) from None
            if isinstance(error, (NotReached, *BROKEN)):
                instance.suspect()
                raise broken(platform, name, error, last.name) from None
            raise


def frames(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """An answer's blocks as messages of the event stream; what breaks it is the last one of them."""
    try:
        for block in blocks:
            yield event_stream.payload_part(block)
    except TimeoutError:
        yield event_stream.exception(
            "ModelStreamError",
            Message=f"The model did not finish its response within {STREAM_SECONDS:.0f} s.",
            ErrorCode="ModelInvocationTimeExceeded",
        )
    except BROKEN:
        yield event_stream.exception(
            "ModelStreamError",
            Message="The container closed the connection before its response had ended.",
            ErrorCode="StreamBroken",
        )
    except Exception:  # noqa: BLE001  # any fault of ours is told, and the server goes on
        _log.exception("A stream failed")
        yield event_stream.exception(
            "InternalStreamFailure", Message="The emulator failed; its output has the traceback."
        )


class _Stream:
    """The body of the answer, as WSGI wants it. A client that goes is noticed while the container is silent,
    too.
    """

    def __init__(
        self,
        exchange: Exchange,
        instance: Instance,
        send_head: Callable[[bytes], Any],
        client: socket.socket,
        stopping: threading.Event,
    ) -> None:
        self._exchange = exchange
        self._instance = instance
        self._send_head = send_head
        self._client = client
        self._stopping = stopping
        self._ended = threading.Event()
        threading.Thread(target=self._watch, name="client of a stream", daemon=True).start()

    def __iter__(self) -> Iterator[bytes]:
        self._send_head(b"")  # the client need not wait for the first piece to know that there is an answer
        yield from frames(self._exchange.blocks())

    def close(self) -> None:
        """The last piece has gone out, or the client has."""
        self._ended.set()
        self._exchange.close()
        self._instance.release()

    def _watch(self) -> None:
        readable = select.poll()
        readable.register(self._client, select.POLLIN)
        while not self._ended.wait(_LOOK_SECONDS):
            if self._stopping.is_set() or (readable.poll(0) and _has_gone(self._client)):
                self._exchange.abort()
                return


def _has_gone(client: socket.socket) -> bool:
    try:
        return client.recv(1, socket.MSG_PEEK) == b""
    except OSError:
        return True
