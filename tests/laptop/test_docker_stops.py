"""The emulator while its Docker engine stops, or hangs, and when it is back."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support import docker
from tests.support.docker_door import Door
from tests.support.emulator import EmulatorProcess
from tests.support.engines import BUSYBOX, left_behind
from tests.support.hosting import HOSTED, Hosting
from tests.support.jobs import TRAINING_LOGS, train
from tests.support.server import wait_until

pytestmark = pytest.mark.skipif(bool(reason := docker.missing()), reason=f"no Docker here: {reason}")

_GONE = "the Docker engine does not answer"


@pytest.fixture(scope="module")
def talks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An image with tests/hosted/talks.py."""
    with docker.image_of(HOSTED / "talks.py", tmp_path_factory.mktemp("image")) as image:
        yield image


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    opened = Door(tmp_path / "door")
    yield opened
    opened.open()  # for what a test that failed has left, which goes at the end


def owners(folder: Path) -> list[str]:
    """The marks of the emulators whose files lie in this folder."""
    return [path.name for path in folder.glob(f"longshore-emulators-{os.getuid()}/*")]


def sleep(emulator: EmulatorProcess, name: str, seconds: int) -> None:
    """A training job that says that it is there, and does nothing."""
    script = {"ContainerEntrypoint": ["sh", "-c"], "ContainerArguments": [f"echo here; sleep {seconds}"]}
    train(emulator, name, "", AlgorithmSpecification={"TrainingImage": BUSYBOX, **script})


def refused(call: Callable[[], Any]) -> dict[str, Any] | None:
    """The error that a call has; None where it succeeds."""
    try:
        call()
    except ClientError as error:
        told: dict[str, Any] = error.response["Error"]
        return told
    return None


@pytest.mark.parametrize("how", [Door.shut, Door.jam], ids=["stops", "hangs"])
def test_an_engine_that_goes_is_told_everywhere_until_it_is_back(
    tmp_path: Path, talks: str, door: Door, how: Callable[[Door], None]
) -> None:
    emulator = EmulatorProcess(tmp_path, DOCKER_HOST=door.address)
    (owner,) = owners(tmp_path)
    hosting = Hosting(emulator)
    name = hosting.endpoint(Image=talks)
    (container,) = docker.containers(talks)
    (binding,) = docker.inspect(container)["NetworkSettings"]["Ports"]["8080/tcp"]
    config = hosting.described(name)["EndpointConfigName"]
    sleep(emulator, "halfway", 600)
    wait_until(lambda: ["here"] in emulator.log_lines(TRAINING_LOGS, "halfway").values(), "the job runs")
    assert len(left_behind(owner)) == 3, "two containers and their network"

    how(door)
    error = wait_until(lambda: refused(lambda: hosting.invoke(name, "x")), "an invocation is refused")
    assert error["Code"] == "ServiceUnavailable"
    assert error["Message"].startswith(f"No instance of endpoint {name} can take the request now: ")
    assert _GONE in error["Message"]
    assert hosting.described(name)["EndpointStatus"] == "InService"
    job = emulator.ended("Training", "halfway")
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("InternalServerError") and _GONE in job["FailureReason"]
    sleep(emulator, "meanwhile", 0)
    other = hosting.create(config)
    with pytest.raises(ClientError, match=f"cannot be looked for.*{_GONE}"):
        hosting.model(Image=talks)
    described = hosting.settled(other)
    assert described["EndpointStatus"] == "Failed"
    assert _GONE in described["FailureReason"] and "docker info" in described["FailureReason"]
    assert _GONE in emulator.ended("Training", "meanwhile")["FailureReason"]

    door.open()
    wait_until(lambda: not refused(lambda: hosting.invoke(name, "x")), "the endpoint answers again")
    wait_until(lambda: len(left_behind(owner)) == 2, "what could not be removed goes")
    again = hosting.endpoint(Image=talks)
    assert json.loads(hosting.invoke(again, "environment"))
    sleep(emulator, "afterwards", 0)
    assert emulator.ended("Training", "afterwards")["TrainingJobStatus"] == "Completed"
    for endpoint in (name, other, again):
        hosting.delete(endpoint)
    assert len(left_behind(owner)) == 1, "the network, for the next container"
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(binding["HostPort"])))
    emulator.close()
    assert not left_behind(owner)


def test_what_could_not_be_removed_goes_with_the_next_emulator_that_finds_the_engine(
    tmp_path: Path, talks: str, door: Door
) -> None:
    first = EmulatorProcess(tmp_path, DOCKER_HOST=door.address)
    (owner,) = owners(tmp_path)
    Hosting(first).endpoint(Image=talks)
    door.shut()
    first.close()
    assert "goes with the next emulator" in (tmp_path / "emulator.log").read_text()
    second = EmulatorProcess(tmp_path, DOCKER_HOST=door.address)
    assert _GONE in (tmp_path / "emulator.log").read_text()
    second.close()
    assert len(left_behind(owner)) == 2, "a container and its network"
    door.open()
    third = EmulatorProcess(tmp_path, DOCKER_HOST=door.address)
    assert not left_behind(owner) and owner not in owners(tmp_path)
    third.close()
    assert owners(tmp_path) == []
