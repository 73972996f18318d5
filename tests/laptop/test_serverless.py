"""Serverless endpoints on the emulator: containers that come with requests, and go (B7)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from longshore.emulator.emulator import Emulator
from longshore.emulator.hosting.serverless import ServerlessVariant
from tests.support.emulator import REGION, EmulatorProcess
from tests.support.hosting import Hosting, image
from tests.support.programs import runs
from tests.support.server import PATIENCE, wait_until

SMALL = {"MemorySizeInMB": 1024, "MaxConcurrency": 2}


@pytest.fixture(scope="module")
def hosting(emulator: EmulatorProcess) -> Hosting:
    return Hosting(emulator)


class Starts:
    """A folder in which each start of counts_starts.py leaves a file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "starts"
        self.folder.mkdir()

    @property
    def pids(self) -> set[int]:
        return {int(path.name) for path in self.folder.iterdir() if path.name.isdecimal()}

    @property
    def living(self) -> set[int]:
        return {pid for pid in self.pids if runs(pid)}


@pytest.fixture
def starts(tmp_path: Path) -> Starts:
    return Starts(tmp_path)


def config(hosting: Hosting, model: str, serverless: dict[str, int]) -> str:
    name = f"{model}-{'-'.join(map(str, serverless.values()))}"
    hosting.sagemaker.create_endpoint_config(
        EndpointConfigName=name,
        ProductionVariants=[{"VariantName": "v1", "ModelName": model, "ServerlessConfig": serverless}],
    )
    return name


def endpoint(hosting: Hosting, starts: Starts, **serverless: int) -> str:
    model = hosting.model("counts_starts", Environment={"STARTS": str(starts.folder)})
    name = hosting.create(config(hosting, model, {**SMALL, **serverless}))
    described = hosting.settled(name)
    assert described["EndpointStatus"] == "InService", described
    return name


class Calls:
    """Invocations that wait for a file, each in a thread."""

    def __init__(self, hosting: Hosting, name: str, gate: Path, count: int) -> None:
        self.answers: list[int] = []
        self._gate = gate
        self._threads = [
            threading.Thread(target=lambda: self.answers.append(int(hosting.invoke(name, str(gate)))))
            for _ in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def end(self) -> set[int]:
        """Who answered."""
        self._gate.touch()
        for thread in self._threads:
            thread.join(PATIENCE)
        return set(self.answers)


def test_the_first_request_starts_a_container_which_stays_for_the_next(
    hosting: Hosting, starts: Starts
) -> None:
    name = endpoint(hosting, starts)
    assert len(starts.pids) == 1  # started once, to see that it serves
    assert not starts.living
    first = int(hosting.invoke(name, ""))
    assert starts.living == {first}
    assert int(hosting.invoke(name, "")) == first
    hosting.delete(name)
    assert not starts.living


def test_each_request_at_a_time_has_a_container_up_to_the_limit(
    hosting: Hosting, starts: Starts, tmp_path: Path
) -> None:
    name = endpoint(hosting, starts)
    calls = Calls(hosting, name, tmp_path / "gate", 2)
    wait_until(lambda: len(starts.pids) == 3, "both have started")
    with pytest.raises(ClientError) as caught:
        hosting.invoke(name, "")
    told = caught.value.response
    assert told["Error"]["Code"] == "ThrottlingException"
    assert told["ResponseMetadata"]["HTTPStatusCode"] == 429
    assert calls.end() == starts.living
    assert len(starts.living) == 2
    hosting.invoke(name, "")
    assert len(starts.pids) == 3
    hosting.delete(name)
    assert not starts.living


def test_provisioned_containers_are_there_before_the_first_request(hosting: Hosting, starts: Starts) -> None:
    name = endpoint(hosting, starts, ProvisionedConcurrency=2)
    assert len(starts.living) == 2
    assert int(hosting.invoke(name, "")) in starts.living
    assert len(starts.pids) == 2
    hosting.delete(name)


def test_it_is_described_with_its_concurrency_which_can_be_changed(
    hosting: Hosting, starts: Starts, tmp_path: Path
) -> None:
    name = endpoint(hosting, starts)
    (variant,) = hosting.described(name)["ProductionVariants"]
    assert variant["CurrentServerlessConfig"] == SMALL
    assert variant["CurrentInstanceCount"] == 0
    hosting.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=name,
        DesiredWeightsAndCapacities=[
            {
                "VariantName": "v1",
                "ServerlessUpdateConfig": {"MaxConcurrency": 1, "ProvisionedConcurrency": 1},
            }
        ],
    )
    (variant,) = hosting.settled(name)["ProductionVariants"]
    assert variant["CurrentServerlessConfig"] == {**SMALL, "MaxConcurrency": 1, "ProvisionedConcurrency": 1}
    assert len(starts.living) == 1
    before = len(starts.pids)
    calls = Calls(hosting, name, tmp_path / "gate", 1)
    wait_until(Path(f"{tmp_path / 'gate'}.begun").exists, "the one is busy")
    with pytest.raises(ClientError, match="ThrottlingException"):
        hosting.invoke(name, "")
    calls.end()
    assert len(starts.pids) == before
    for change, message in (
        ({"DesiredInstanceCount": 2}, "it has no instances"),
        ({"ServerlessUpdateConfig": {"ProvisionedConcurrency": 3}}, "may be MaxConcurrency, 1, at most"),
    ):
        with pytest.raises(ClientError, match=message):
            hosting.sagemaker.update_endpoint_weights_and_capacities(
                EndpointName=name, DesiredWeightsAndCapacities=[{"VariantName": "v1", **change}]
            )
    hosting.delete(name)


def test_an_update_answers_those_who_wait_for_a_container(
    hosting: Hosting, starts: Starts, tmp_path: Path
) -> None:
    name = endpoint(hosting, starts)
    calls = Calls(hosting, name, tmp_path / "gate", 1)
    wait_until(lambda: len(starts.pids) == 2, "it has started")
    model = hosting.described(name)["EndpointConfigName"].removesuffix("-1024-2")
    other = config(hosting, model, {"MemorySizeInMB": 2048, "MaxConcurrency": 2})
    hosting.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=other)
    described = hosting.settled(name)
    assert described["ProductionVariants"][0]["CurrentServerlessConfig"]["MemorySizeInMB"] == 2048
    (old,) = calls.end()
    assert int(hosting.invoke(name, "")) != old
    wait_until(lambda: not runs(old), "the old one ends")
    hosting.delete(name)


def test_an_image_that_does_not_serve_fails_the_endpoint(hosting: Hosting) -> None:
    name = hosting.create(config(hosting, hosting.model("ends"), SMALL))
    described = hosting.settled(name)
    assert described["EndpointStatus"] == "Failed"
    assert "ended with exit code 7" in described["FailureReason"]
    hosting.delete(name)


def test_a_container_that_does_not_start_is_the_requests_error(hosting: Hosting, starts: Starts) -> None:
    name = endpoint(hosting, starts)
    (starts.folder / "no-more").touch()
    with pytest.raises(ClientError) as caught:
        hosting.invoke(name, "")
    assert caught.value.response["Error"]["Code"] == "ModelError"
    assert "no more of these" in caught.value.response["OriginalMessage"]
    (starts.folder / "no-more").unlink()
    hosting.invoke(name, "")
    hosting.delete(name)


def test_4_mb_are_taken_and_a_byte_more_is_not(hosting: Hosting) -> None:
    """A12."""
    name = hosting.create(config(hosting, hosting.model(), SMALL))
    hosting.settled(name)
    body = b"x" * (4 * 2**20)
    assert hosting.invoke(name, body) == body
    with pytest.raises(ClientError) as caught:
        hosting.invoke(name, body + b"x")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413
    hosting.delete(name)


def test_one_with_instances_cannot_be_made_serverless(hosting: Hosting, starts: Starts) -> None:
    name = hosting.endpoint()
    model = hosting.model()
    with pytest.raises(ClientError, match="cannot be made serverless"):
        hosting.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=config(hosting, model, SMALL))
    assert hosting.described(name)["EndpointStatus"] == "InService"
    hosting.delete(name)
    name = endpoint(hosting, starts)
    hosting.sagemaker.update_endpoint(
        EndpointName=name,
        EndpointConfigName=hosting.config({"ModelName": model}),
        RetainAllVariantProperties=True,
    )
    assert hosting.settled(name)["ProductionVariants"][0]["CurrentInstanceCount"] == 1
    assert hosting.invoke(name, "back") == b"back"
    hosting.delete(name)


@pytest.fixture(scope="module")
def inside() -> Iterator[Emulator]:
    emulator = Emulator(0, "123456789012", REGION)
    yield emulator
    emulator.close()


def test_idle_containers_are_stopped_but_for_those_provisioned(inside: Emulator, starts: Starts) -> None:
    model = {
        "PrimaryContainer": {"Image": image("counts_starts"), "Environment": {"STARTS": str(starts.folder)}}
    }
    settings = {
        "VariantName": "v",
        "InitialVariantWeight": 1.0,
        "ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": 3, "ProvisionedConcurrency": 1},
    }
    variant = ServerlessVariant(inside.platform, "idle", settings, model, idle_seconds=0.5)
    (first,) = variant.first_instances()
    first.start(PATIENCE)
    variant.begin([first])
    leased = [variant.lease(set()) for _ in range(3)]
    assert len(starts.living) == 3
    for instance in leased[:2]:
        assert instance is not None
        instance.release()
    wait_until(lambda: len(starts.living) == 1, "the idle ones end")
    assert variant.size == 1  # the one that is busy counts as the one that is provisioned
    assert leased[2] is not None
    leased[2].release()
    for instance in variant.close():
        instance.stop()
    assert not starts.living
