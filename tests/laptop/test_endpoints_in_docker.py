"""Endpoints whose containers are Docker's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from tests.support import docker
from tests.support.docker import containers
from tests.support.emulator import EmulatorProcess
from tests.support.hosting import HOSTED, Hosting, archive
from tests.support.server import wait_until

_MISSING = docker.missing()
pytestmark = pytest.mark.skipif(_MISSING is not None, reason=f"Docker: {_MISSING}")


@pytest.fixture(scope="module")
def talks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An image with tests/hosted/talks.py."""
    with docker.image_of(HOSTED / "talks.py", tmp_path_factory.mktemp("image")) as image:
        yield image


def test_an_endpoint_in_a_container(emulator: EmulatorProcess, talks: str) -> None:
    hosting = Hosting(emulator)
    emulator.put("docker-models", m=archive({"weights": b"42"}))
    name = hosting.endpoint(Image=talks, ModelDataUrl="s3://docker-models/m", Environment={"OF": "the model"})
    assert json.loads(hosting.invoke(name, "model")) == {"weights": "42"}
    assert json.loads(hosting.invoke(name, "environment"))["OF"] == "the model"
    (container,) = containers(talks)
    (mount,) = docker.inspect(container)["Mounts"]
    assert (mount["Destination"], mount["RW"]) == ("/opt/ml/model", False)
    bindings = docker.inspect(container)["NetworkSettings"]["Ports"]["8080/tcp"]
    assert {binding["HostIp"] for binding in bindings} == {"127.0.0.1"}
    docker.docker("kill", container)
    wait_until(lambda: containers(talks) not in ([container], []), "another one takes its place")
    wait_until(lambda: answers(hosting, name), "it answers")
    hosting.delete(name)
    assert containers(talks) == []


def test_an_endpoint_reads_from_s3_and_an_isolated_one_cannot(emulator: EmulatorProcess, talks: str) -> None:
    hosting = Hosting(emulator)
    emulator.put("docker-reads", object=b"content")
    name = hosting.endpoint(Image=talks)
    assert json.loads(hosting.invoke(name, "fetch /docker-reads/object")) == [200, "content"]
    address = json.loads(hosting.invoke(name, "environment"))["AWS_ENDPOINT_URL"]
    isolated = hosting.create(hosting.config({"ModelName": hosting.model(isolated=True, Image=talks)}))
    assert hosting.settled(isolated)["EndpointStatus"] == "InService"
    assert "AWS_ACCESS_KEY_ID" not in json.loads(hosting.invoke(isolated, "environment"))
    for where in ("", address):
        status, said = json.loads(hosting.invoke(isolated, f"fetch {where}/docker-reads/object"))
        # Engines differ in whether such a network leads to this machine's other addresses.
        assert status in ((0, 403) if where else (0,)), said
    for each in (name, isolated):
        hosting.delete(each)


def answers(hosting: Hosting, name: str) -> bool:
    try:
        return hosting.invoke(name, "again") == b"again"
    except ClientError:
        return False


def test_containers_of_a_killed_emulator_go_with_the_next_start(tmp_path: Path, talks: str) -> None:
    first = EmulatorProcess(tmp_path)
    hosting = Hosting(first)
    hosting.endpoint(Image=talks)
    assert len(containers(talks)) == 1
    first.process.kill()
    first.process.wait()
    second = EmulatorProcess(tmp_path)
    assert containers(talks) == []
    second.close()


def test_containers_go_with_their_emulator(tmp_path: Path, talks: str) -> None:
    emulator = EmulatorProcess(tmp_path)
    Hosting(emulator).endpoint(Image=talks)
    assert len(containers(talks)) == 1
    emulator.close()
    assert containers(talks) == []


def test_an_image_that_is_not_there(emulator: EmulatorProcess) -> None:
    with pytest.raises(ClientError, match="Requested image no-such-image:of-ours not found") as caught:
        Hosting(emulator).model(Image="no-such-image:of-ours")
    assert caught.value.response["Error"]["Code"] == "ValidationException"


def test_a_docker_engine_that_does_not_answer_is_said_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")
    emulator = EmulatorProcess(tmp_path)
    with pytest.raises(ClientError, match="the Docker engine does not answer"):
        Hosting(emulator).model(Image="busybox")
    emulator.close()
