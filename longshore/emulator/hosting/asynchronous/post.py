"""One asynchronous invocation: its input goes to a container as it is read, the answer into a file."""

from __future__ import annotations

import base64
import contextlib
import io
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

from longshore.emulator.bodies import BLOCK
from longshore.emulator.books import Books
from longshore.emulator.faults import AwsError
from longshore.emulator.hosting.exchange import BROKEN, Exchange, NotReached
from longshore.emulator.hosting.hosted import HostedContainer
from longshore.emulator.hosting.instance import Instance
from longshore.emulator.parts import passed_on
from longshore.emulator.platform import Platform
from longshore.emulator.records import Record
from longshore.emulator.s3_uri import parse_s3_uri
from longshore.limits import ERROR_BODY_MAX, MB, PAYLOAD_MB_ASYNC

_ERROR_BYTES_MAX = MB  # of an error's body, kept


class Answer(NamedTuple):
    """What a container answered, in a file that is its finder's to move or remove."""

    path: Path
    content_type: str | None


class Failed(Exception):
    """Why there is no answer: the text is what the notice says.

    body, content_type: what the container said instead. detail: for the endpoint's log.
    """

    def __init__(
        self, reason: str, body: bytes | None = None, content_type: str | None = None, detail: str = ""
    ) -> None:
        super().__init__(reason)
        self.body = body
        self.content_type = content_type
        self.detail = detail or reason


def post(platform: Platform, invocation: Record, instance: Instance) -> Answer:
    """Raises Failed; NotReached where another try is due, because no container knows anything of this one.

    In a pipeline each container gets what the one before answered, and all have the time together (B5).
    """
    seconds = invocation["InvocationTimeoutSeconds"]
    deadline = time.monotonic() + seconds
    headers = _headers(invocation)
    first, *others = instance.way(headers)
    with contextlib.ExitStack() as kept:
        body, size = kept.enter_context(_open(platform.books, invocation))
        try:
            container = first
            answer = _pass(container, headers, body, size, deadline, platform.folder)
            for container in others:
                kept.callback(answer.path.unlink)
                body, size = kept.enter_context(answer.path.open("rb")), answer.path.stat().st_size
                headers = passed_on(headers, answer.content_type)
                answer = _pass(container, headers, body, size, deadline, platform.folder)
        except TimeoutError:
            raise Failed(
                f"ClientError: Your invocation timed out while waiting for a response from container "
                f"{container.name}: it had {seconds} s (InvocationTimeoutSeconds)."
            ) from None
        except (NotReached, *BROKEN) as error:
            if isinstance(error, NotReached) and container is first:
                raise
            instance.suspect()
            raise Failed(
                "ClientError: The container closed the connection before it had answered. See the "
                "SageMaker Endpoint logs in your account for more information."
            ) from None
        return answer


def _pass(
    container: HostedContainer,
    headers: dict[str, str],
    body: IO[bytes],
    size: int,
    deadline: float,
    folder: Path,
) -> Answer:
    with Exchange(container.address, deadline - time.monotonic()) as exchange:
        exchange.send(headers, _blocks(body), size)
        return _answer(exchange, container.name, folder)


def _answer(exchange: Exchange, container: str, folder: Path) -> Answer:
    response = exchange.response
    content_type = response.headers["Content-Type"]
    if not 200 <= response.status < 300:
        kind = "client" if 400 <= response.status < 500 else "server"
        said = exchange.head(_ERROR_BYTES_MAX)
        text = said.decode("utf-8", "replace")[:ERROR_BODY_MAX]
        raise Failed(
            f"ClientError: Received {kind} error ({response.status}) from model. See the SageMaker Endpoint "
            "logs in your account for more information.",
            said,
            content_type,
            f'Received {kind} error ({response.status}) from {container} with message "{text}"',
        )
    if response.length is None:
        # Reported of real endpoints, which take chunked answers only where somebody asked for a stream.
        raise Failed(
            f"ClientError: The response from container {container} did not specify the required "
            "Content-Length header."
        )
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix="async-", delete=False) as file:
            path = Path(file.name)
    except OSError as error:
        raise _refused(error) from None
    try:
        _receive(exchange, path)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return Answer(path, content_type)


def _receive(exchange: Exchange, path: Path) -> None:
    with path.open("wb") as file:
        for block in exchange.blocks():
            try:
                file.write(block)
                file.flush()
            except OSError as error:
                raise _refused(error) from None


def _refused(error: OSError) -> Failed:
    return Failed(f"InternalServerError: The answer could not be kept on this machine: {error}.")


@contextlib.contextmanager
def _open(books: Books, invocation: Record) -> Iterator[tuple[IO[bytes], int]]:
    """The input and its size."""
    if "Body" in invocation:
        body = base64.b64decode(invocation["Body"])
        yield io.BytesIO(body), len(body)
        return
    with contextlib.ExitStack() as stack:
        try:
            stream = stack.enter_context(books.read(*parse_s3_uri(invocation["InputLocation"])))
        except (AwsError, OSError) as error:
            what = error.message if isinstance(error, AwsError) else str(error)
            raise Failed(f"ClientError: Data download failed: {what}") from None
        size = stream.seek(0, io.SEEK_END)
        stream.seek(0)
        if size > PAYLOAD_MB_ASYNC * MB:
            raise Failed(
                f"ClientError: Data download failed: {invocation['InputLocation']} has {size} bytes, and may "
                f"have {PAYLOAD_MB_ASYNC * MB} (B6)."
            )
        yield stream, size


def _headers(invocation: Record) -> dict[str, str]:
    given = {
        "Content-Type": invocation.get("ContentType"),
        "Accept": invocation.get("Accept"),
        "X-Amzn-SageMaker-Custom-Attributes": invocation.get("CustomAttributes"),
        "X-Amzn-SageMaker-Inference-Id": invocation["InferenceId"],
    }
    return {name: value for name, value in given.items() if value}


def _blocks(stream: IO[bytes]) -> Iterator[bytes]:
    while block := stream.read(BLOCK):
        yield block
