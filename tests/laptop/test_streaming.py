"""InvokeEndpointWithResponseStream on the emulator (B1), with boto3 and a program that waits for the test."""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.eventstream import EventStreamBuffer
from botocore.exceptions import ClientError, EventStreamError

from longshore.emulator.hosting.exchange import Exchange, NotReached
from longshore.emulator.hosting.streaming import frames
from tests.support.emulator import EmulatorProcess
from tests.support.hosting import Hosting
from tests.support.server import wait_until

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def hosting(emulator: EmulatorProcess) -> Hosting:
    return Hosting(emulator)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the program looks for the names of chunks that it may send."""
    return tmp_path_factory.mktemp("gates")


@pytest.fixture(scope="module")
def streams(hosting: Hosting, folder: Path) -> str:
    """An endpoint for those tests that leave it as it is."""
    return hosting.endpoint("streams", Environment={"FOLDER": str(folder)})


@pytest.fixture
def go(folder: Path) -> Iterator[Any]:
    """Names of chunks for this test alone, and what lets them go."""
    made: list[Path] = []

    def let(word: str) -> None:
        made.append(folder / word)
        made[-1].touch()

    yield let
    for path in made:
        path.unlink()


def words() -> tuple[str, str]:
    number = next(_numbers)
    return f"first-{number}", f"second-{number}"


def invoke(hosting: Hosting, name: str, body: str, **arguments: Any) -> dict[str, Any]:
    answer: dict[str, Any] = hosting.runtime.invoke_endpoint_with_response_stream(
        EndpointName=name, Body=body.encode(), **arguments
    )
    return answer


def test_each_chunk_comes_when_the_container_sends_it(hosting: Hosting, streams: str, go: Any) -> None:
    first, second = words()
    answer = invoke(hosting, streams, f"{first} {second} end", Accept="text/odd")
    assert answer["ContentType"] == "text/odd"  # before there is any chunk
    assert answer["CustomAttributes"] == "of the model"
    assert answer["InvokedProductionVariant"] == "v1"
    assert answer["ResponseMetadata"]["HTTPHeaders"]["content-type"] == "application/vnd.amazon.eventstream"
    assert "x-of-its-own" not in answer["ResponseMetadata"]["HTTPHeaders"]
    events = iter(answer["Body"])
    go(first)
    assert next(events) == {"PayloadPart": {"Bytes": first.encode()}}
    go(second)
    assert next(events) == {"PayloadPart": {"Bytes": second.encode()}}
    assert list(events) == []


@pytest.mark.parametrize("end", ["break", "cut"])
def test_a_stream_that_breaks_is_no_neat_end(hosting: Hosting, streams: str, go: Any, end: str) -> None:
    first, _ = words()
    go(first)
    events = iter(invoke(hosting, streams, f"{first} {end}")["Body"])
    assert next(events) == {"PayloadPart": {"Bytes": first.encode()}}
    with pytest.raises(EventStreamError) as caught:
        list(events)
    assert caught.value.response["Error"]["Code"] == "ModelStreamError"
    assert "before its response had ended" in caught.value.response["Error"]["Message"]


def test_a_deleted_endpoint_ends_its_stream_first(hosting: Hosting, folder: Path, go: Any) -> None:
    first, second = words()
    name = hosting.endpoint("streams", Environment={"FOLDER": str(folder)})
    go(first)
    events = iter(invoke(hosting, name, f"{first} {second} end")["Body"])
    next(events)
    hosting.sagemaker.delete_endpoint(EndpointName=name)
    assert hosting.described(name)["EndpointStatus"] == "Deleting"
    go(second)
    assert list(events) == [{"PayloadPart": {"Bytes": second.encode()}}]
    wait_until(lambda: name not in hosting.names(), "it goes")


def test_an_error_before_the_stream_is_a_model_error(hosting: Hosting, streams: str) -> None:
    """A16."""
    with pytest.raises(hosting.runtime.exceptions.ModelError) as caught:
        invoke(hosting, streams, "status 422 no such luck")
    told = caught.value.response
    assert told["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert (told["OriginalStatusCode"], told["OriginalMessage"]) == (422, "no such luck")
    with pytest.raises(ClientError) as unknown:
        invoke(hosting, "nowhere", "x")
    assert unknown.value.response["Error"]["Code"] == "ValidationError"


def test_a_client_that_goes_ends_the_request_to_the_container(
    hosting: Hosting, streams: str, folder: Path
) -> None:
    first, _ = words()
    answer = invoke(hosting, streams, f"{first} end")
    answer["Body"].close()
    gone = folder / "gone"
    wait_until(gone.exists, "the container's client goes")
    gone.unlink()


@contextlib.contextmanager
def container(answer: bytes) -> Iterator[tuple[str, int]]:
    """One that says this to the first who asks, and then nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening, contextlib.ExitStack() as open_ones:

        def serve() -> None:
            connection, _ = listening.accept()
            open_ones.enter_context(connection)
            connection.recv(65536)
            connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listening.getsockname()
        thread.join()


def test_the_time_is_for_the_whole_stream() -> None:
    begun = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n"
    with container(begun) as address, Exchange(address, 0.5) as exchange:
        exchange.send({}, [b"body"], 4)
        buffer = EventStreamBuffer()
        for message in frames(exchange.blocks()):
            buffer.add_data(message)
    part, end = list(buffer)
    assert part.payload == b"a"
    assert end.headers[":message-type"] == "exception"
    assert end.headers[":exception-type"] == "ModelStreamError"
    assert b'"ErrorCode": "ModelInvocationTimeExceeded"' in end.payload


def test_what_refuses_the_connection_has_not_been_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = listening.getsockname()
    with pytest.raises(NotReached):
        Exchange(address, 1)
