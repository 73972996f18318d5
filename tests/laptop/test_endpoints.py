"""Endpoints on the emulator: from CreateModel to DeleteEndpoint, with programs that really run."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import threading
from collections import Counter
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from tests.support.emulator import EmulatorProcess
from tests.support.hosting import Hosting, archive
from tests.support.programs import runs
from tests.support.server import wait_until


@pytest.fixture(scope="module")
def hosting(emulator: EmulatorProcess) -> Hosting:
    return Hosting(emulator)


@pytest.fixture(scope="module")
def talks(hosting: Hosting) -> str:
    """An endpoint for those tests that leave it as it is."""
    return hosting.endpoint(Environment={"OF_THE_MODEL": "yes"})


def error_of(call: Any, **arguments: Any) -> ClientError:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return caught.value


def test_an_endpoint_passes_through_the_real_states_and_shows_what_it_is_made_of(hosting: Hosting) -> None:
    config = hosting.config({"ModelName": hosting.model(), "InitialInstanceCount": 2})
    name = hosting.create(config)
    assert hosting.described(name)["EndpointStatus"] == "Creating"
    described = hosting.settled(name)
    assert described["EndpointStatus"] == "InService"
    assert described["EndpointConfigName"] == config
    assert described["EndpointArn"].endswith(f":endpoint/{name}")
    (variant,) = described["ProductionVariants"]
    assert (variant["CurrentInstanceCount"], variant["DesiredInstanceCount"]) == (2, 2)
    assert variant["CurrentWeight"] == 1.0
    who = Counter(hosting.invoke(name, "who") for _ in range(10))
    assert sorted(who.values()) == [5, 5]  # in turn
    held = int(next(iter(who)))
    os.kill(held, signal.SIGSTOP)  # no SIGTERM ends it, so that the endpoint is still there when we look
    try:
        hosting.sagemaker.delete_endpoint(EndpointName=name)
        assert hosting.described(name)["EndpointStatus"] == "Deleting"
    finally:
        os.kill(held, signal.SIGCONT)
    wait_until(lambda: name not in hosting.names(), "it goes")
    assert not any(runs(int(pid)) for pid in who)


def test_the_container_gets_the_models_environment_and_what_sagemaker_sets(
    hosting: Hosting, talks: str
) -> None:
    told = json.loads(hosting.invoke(talks, "environment"))
    assert told["OF_THE_MODEL"] == "yes"
    assert told["AWS_REGION"] == "us-east-1"
    assert told["AWS_ENDPOINT_URL"] == hosting.emulator.address


def test_what_it_writes_is_in_cloudwatch_logs(hosting: Hosting, talks: str) -> None:
    """A18."""
    hosting.invoke(talks, "say a line of its own")

    def lines() -> bool:
        streams = hosting.emulator.log_lines(f"/aws/sagemaker/Endpoints/{talks}", "v1/i-")
        return any("a line of its own" in line for stream in streams.values() for line in stream)

    wait_until(lines, "the line comes")


def test_the_model_archive_is_at_opt_ml_model(hosting: Hosting) -> None:
    """A17."""
    hosting.emulator.put("of-models", **{"a/model.tar.gz": archive({"one": b"1", "in/two": b"2"})})
    name = hosting.endpoint(ModelDataUrl="s3://of-models/a/model.tar.gz")
    assert json.loads(hosting.invoke(name, "model")) == {"one": "1", "in/two": "2"}
    hosting.delete(name)


def test_an_uncompressed_model_is_at_opt_ml_model(hosting: Hosting) -> None:
    hosting.emulator.put("of-folders", **{"m/one": b"1", "m/in/two": b"2", "mm/other": b"3"})
    source = {"S3Uri": "s3://of-folders/m/", "S3DataType": "S3Prefix", "CompressionType": "None"}
    name = hosting.endpoint(ModelDataSource={"S3DataSource": source})
    assert json.loads(hosting.invoke(name, "model")) == {"one": "1", "in/two": "2"}
    hosting.delete(name)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (archive({}, link="/etc/passwd"), "has a link, 'link'"),
        (archive({"../out": b"x"}), "is refused"),
        (archive({"a": b"x" * 100000})[:60], "no tar.gz archive, or a damaged one"),
        (b"no archive at all", "no tar.gz archive, or a damaged one"),
    ],
    ids=["link", "escape", "cut", "text"],
)
def test_an_archive_that_cannot_be_trusted_fails_the_endpoint(
    hosting: Hosting, data: bytes, reason: str
) -> None:
    hosting.emulator.put("of-bad-models", m=data)
    name = hosting.create(hosting.config({"ModelName": hosting.model(ModelDataUrl="s3://of-bad-models/m")}))
    described = hosting.settled(name)
    assert described["EndpointStatus"] == "Failed"
    assert reason in described["FailureReason"]
    hosting.delete(name)


def test_a_container_that_ends_fails_the_endpoint_with_its_last_lines(hosting: Hosting) -> None:
    name = hosting.create(hosting.config({"ModelName": hosting.model("ends")}))
    described = hosting.settled(name)
    assert described["EndpointStatus"] == "Failed"
    assert "ended with exit code 7" in described["FailureReason"]
    assert "KeyError: 'weights'" in described["FailureReason"]
    error = error_of(hosting.runtime.invoke_endpoint, EndpointName=name, Body=b"")
    assert "it is Failed" in error.response["Error"]["Message"]
    hosting.delete(name)


def test_traffic_is_split_by_weight_and_a_variant_can_be_asked_for(hosting: Hosting) -> None:
    first = {"ModelName": hosting.model(Environment={"WHICH": "first"}), "InitialVariantWeight": 1.0}
    second = {"ModelName": hosting.model(Environment={"WHICH": "second"}), "InitialVariantWeight": 0.0}
    name = hosting.create(hosting.config(first, second))
    hosting.settled(name)

    def which(**arguments: Any) -> str:
        return str(json.loads(hosting.invoke(name, "environment", **arguments))["WHICH"])

    assert {which() for _ in range(20)} == {"first"}
    assert which(TargetVariant="v2") == "second"
    assert "nowhere" in str(
        error_of(hosting.runtime.invoke_endpoint, EndpointName=name, Body=b"", TargetVariant="nowhere")
    )
    hosting.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=name,
        DesiredWeightsAndCapacities=[
            {"VariantName": "v1", "DesiredWeight": 0},
            {"VariantName": "v2", "DesiredWeight": 2, "DesiredInstanceCount": 2},
        ],
    )
    assert hosting.described(name)["EndpointStatus"] == "Updating"
    described = hosting.settled(name)
    assert {which() for _ in range(20)} == {"second"}
    shown = {variant["VariantName"]: variant for variant in described["ProductionVariants"]}
    assert shown["v2"]["CurrentInstanceCount"] == 2
    hosting.delete(name)


def test_an_update_loses_no_request(hosting: Hosting) -> None:
    name = hosting.create(hosting.config({"ModelName": hosting.model(), "InitialInstanceCount": 2}))
    hosting.settled(name)
    stop = threading.Event()
    faults: list[BaseException] = []
    seen: set[bytes] = set()

    def call(pause: str) -> None:
        while not stop.is_set():
            try:
                hosting.invoke(name, f"sleep {pause}")
                seen.add(hosting.invoke(name, "who"))
            except (ClientError, BotoCoreError) as fault:
                faults.append(fault)

    threads = [threading.Thread(target=call, args=(pause,)) for pause in ("0", "0.01", "0.3")]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(seen) >= 2, "both answer")
    before = set(seen)
    hosting.sagemaker.update_endpoint(
        EndpointName=name, EndpointConfigName=hosting.config({"ModelName": hosting.model()})
    )
    hosting.settled(name)
    wait_until(lambda: seen - before, "the new one answers")
    wait_until(lambda: not any(runs(int(pid)) for pid in before), "the old ones end")
    stop.set()
    for thread in threads:
        thread.join()
    assert faults == []
    hosting.delete(name)


def test_an_update_that_fails_leaves_the_old_one_serving(hosting: Hosting) -> None:
    name = hosting.endpoint()
    old = hosting.described(name)["EndpointConfigName"]
    who = hosting.invoke(name, "who")
    hosting.sagemaker.update_endpoint(
        EndpointName=name, EndpointConfigName=hosting.config({"ModelName": hosting.model("ends")})
    )
    described = hosting.settled(name)
    assert described["EndpointStatus"] == "InService"
    assert described["EndpointConfigName"] == old
    assert "ended with exit code 7" in described["FailureReason"]
    assert hosting.invoke(name, "who") == who
    hosting.delete(name)


def test_a_container_that_dies_is_replaced(hosting: Hosting) -> None:
    name = hosting.endpoint()
    who = hosting.invoke(name, "who")
    error = error_of(hosting.runtime.invoke_endpoint, EndpointName=name, Body=b"die 3")
    assert error.response["Error"]["Code"] == "ModelError"

    def answers() -> bytes | None:
        try:
            return hosting.invoke(name, "who")
        except hosting.runtime.exceptions.ServiceUnavailable:
            return None

    assert wait_until(answers, "another one answers") != who
    hosting.delete(name)


def test_while_one_instance_is_replaced_the_other_one_answers(hosting: Hosting) -> None:
    name = hosting.create(hosting.config({"ModelName": hosting.model(), "InitialInstanceCount": 2}))
    hosting.settled(name)
    killed, left = {hosting.invoke(name, "who") for _ in range(4)}
    os.kill(int(killed), signal.SIGKILL)
    for _ in range(2):  # each in turn
        with contextlib.suppress(ClientError):  # what is sent over a connection that has just died
            hosting.invoke(name, "who")
    assert {hosting.invoke(name, "who") for _ in range(4)} >= {left}
    wait_until(lambda: len({hosting.invoke(name, "who") for _ in range(4)}) == 2, "there are two again")
    hosting.delete(name)
