"""Multi-model endpoints on the emulator: models that are loaded as they are asked for (B4)."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.emulator import ROLE, EmulatorProcess
from tests.support.hosting import Hosting, archive, image
from tests.support.server import PATIENCE, wait_until

BUCKET = "of-many-models"


@pytest.fixture(scope="module")
def hosting(emulator: EmulatorProcess) -> Hosting:
    hosting = Hosting(emulator)
    put(hosting, "one", "two", "three")
    return hosting


def put(hosting: Hosting, *names: str, **more: bytes) -> None:
    """Models whose text is their name, as s3://BUCKET/m/NAME.tar.gz."""
    objects = {f"m/{name}.tar.gz": archive({"text": name.encode(), **more}) for name in names}
    hosting.emulator.put(BUCKET, **objects)


def endpoint(hosting: Hosting, instances: int = 1, **container: Any) -> str:
    model = hosting.model("holds_models", Mode="MultiModel", ModelDataUrl=f"s3://{BUCKET}/m/", **container)
    name = hosting.create(hosting.config({"ModelName": model, "InitialInstanceCount": instances}))
    described = hosting.settled(name)
    assert described["EndpointStatus"] == "InService", described
    return name


def ask(hosting: Hosting, name: str, model: str, body: str = "") -> dict[str, Any]:
    """What the container tells of itself, asked by way of a model."""
    told: dict[str, Any] = json.loads(hosting.invoke(name, body, TargetModel=f"{model}.tar.gz"))
    return told


def refused(hosting: Hosting, name: str, **arguments: Any) -> dict[str, Any]:
    with pytest.raises(ClientError) as caught:
        hosting.invoke(name, "", **arguments)
    told: dict[str, Any] = caught.value.response
    return told


def test_a_model_is_loaded_at_its_first_use_and_stays(hosting: Hosting) -> None:
    name = endpoint(hosting)
    told = ask(hosting, name, "one")
    assert (told["text"], told["loads"], told["target"]) == ("one", ["one"], "one.tar.gz")
    assert ask(hosting, name, "two")["loaded"] == ["one", "two"]
    assert ask(hosting, name, "one")["loads"] == ["one", "two"]
    hosting.delete(name)


def test_the_least_recently_used_model_makes_room(hosting: Hosting) -> None:
    """507, and its files go with it."""
    name = endpoint(hosting)
    for model in ("one", "two", "one", "three"):
        told = ask(hosting, name, model)
    assert told["loaded"] == ["one", "three"]
    assert told["folders"] == 2
    assert told["loads"] == ["one", "two", "three", "three"]
    hosting.delete(name)


def test_a_model_in_use_is_not_unloaded(hosting: Hosting, tmp_path: Path) -> None:
    name = endpoint(hosting, Environment={"CAPACITY": "1"})
    ask(hosting, name, "one")
    answers: list[str] = []
    gate = tmp_path / "gate"
    using = threading.Thread(target=lambda: answers.append(ask(hosting, name, "one", f"wait {gate}")["text"]))
    using.start()
    wait_until(Path(f"{gate}.begun").exists, "the first is under way")
    other = threading.Thread(target=lambda: answers.append(ask(hosting, name, "two")["text"]))
    other.start()
    wait_until(lambda: "no room for two" in lines(hosting, name), "there is no room for the second")
    gate.touch()
    using.join(PATIENCE)
    other.join(PATIENCE)
    assert sorted(answers) == ["one", "two"]
    hosting.delete(name)


def lines(hosting: Hosting, name: str) -> list[str]:
    """What its containers have said."""
    streams = hosting.emulator.log_lines(f"/aws/sagemaker/Endpoints/{name}", "v1/i-")
    return [line for stream in streams.values() for line in stream]


def test_want_of_memory_for_an_invocation_unloads_another_model(hosting: Hosting) -> None:
    name = endpoint(hosting)
    ask(hosting, name, "one")
    ask(hosting, name, "two")
    assert ask(hosting, name, "two", "full")["loaded"] == ["two"]
    hosting.delete(name)


def test_without_room_for_a_single_model_the_client_is_told(hosting: Hosting) -> None:
    name = endpoint(hosting, Environment={"CAPACITY": "0"})
    told = refused(hosting, name, TargetModel="one.tar.gz")
    assert (told["Error"]["Code"], told["OriginalStatusCode"]) == ("ModelError", 507)
    assert told["OriginalMessage"] == "no room"
    hosting.delete(name)


def test_a_model_asked_for_twice_at_once_is_loaded_once(hosting: Hosting, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    put(hosting, "slow", waits=str(gate).encode())
    name = endpoint(hosting)
    told: list[dict[str, Any]] = []
    callers = [threading.Thread(target=lambda: told.append(ask(hosting, name, "slow"))) for _ in range(4)]
    for caller in callers:
        caller.start()
    wait_until(Path(f"{gate}.begun").exists, "the load is under way")
    gate.touch()
    for caller in callers:
        caller.join(PATIENCE)
    assert [one["loads"] for one in told] == [["slow"]] * 4
    hosting.delete(name)


def test_a_model_that_fails_to_load_is_tried_again(hosting: Hosting) -> None:
    put(hosting, "weak", breaks=b"")
    name = endpoint(hosting)
    told = refused(hosting, name, TargetModel="weak.tar.gz")
    assert (told["Error"]["Code"], told["OriginalStatusCode"]) == ("ModelError", 500)
    assert told["OriginalMessage"] == "these weights are broken"
    put(hosting, "weak")
    assert ask(hosting, name, "weak")["text"] == "weak"
    hosting.delete(name)


def test_a_loaded_model_stays_as_it_is_when_its_object_changes(hosting: Hosting) -> None:
    put(hosting, "old")
    name = endpoint(hosting)
    ask(hosting, name, "old")
    hosting.emulator.put(BUCKET, **{"m/old.tar.gz": archive({"text": b"new"})})
    assert ask(hosting, name, "old")["text"] == "old"
    hosting.delete(name)


def test_without_the_cache_a_model_goes_once_it_was_used(hosting: Hosting) -> None:
    name = endpoint(hosting, MultiModelConfig={"ModelCacheSetting": "Disabled"})
    ask(hosting, name, "one")
    wait_until(lambda: ask(hosting, name, "two")["loaded"] == ["two"], "the first one goes")
    hosting.delete(name)


def test_each_instance_loads_for_itself(hosting: Hosting) -> None:
    name = endpoint(hosting, instances=2)
    told = [ask(hosting, name, "one") for _ in range(4)]
    assert len({one["pid"] for one in told}) == 2
    assert all(one["loads"] == ["one"] for one in told)
    hosting.delete(name)


def test_a_container_in_anothers_place_loads_anew(hosting: Hosting) -> None:
    name = endpoint(hosting)
    before = ask(hosting, name, "one")["pid"]
    os.kill(before, signal.SIGKILL)

    def again() -> dict[str, Any] | None:
        try:
            return ask(hosting, name, "one")
        except ClientError:
            return None

    assert wait_until(again, "another one answers")["pid"] != before
    hosting.delete(name)


def test_one_stage_of_a_pipeline_may_hold_models(hosting: Hosting) -> None:
    hosting.sagemaker.create_model(
        ModelName="stage-and-models",
        ExecutionRoleArn=ROLE,
        Containers=[
            {"Image": image("stage"), "Environment": {"STAGE": "a"}},
            {
                "Image": image("holds_models"),
                "Mode": "MultiModel",
                "ModelDataUrl": f"s3://{BUCKET}/m",
            },
        ],
    )
    name = hosting.create(hosting.config({"ModelName": "stage-and-models"}))
    hosting.settled(name)
    told = json.loads(hosting.invoke(name, '{"way": []}', TargetModel="one.tar.gz"))
    assert told["text"] == "one"
    hosting.delete(name)


@pytest.fixture(scope="module")
def many(hosting: Hosting) -> Iterator[str]:
    """An endpoint for those tests that are refused."""
    name = endpoint(hosting)
    yield name
    hosting.delete(name)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ({}, "is a multi-model endpoint and requires target model header"),
        (
            {"TargetModel": "none.tar.gz"},
            f"(bucket: {BUCKET}, key: m/none.tar.gz). The object could not be found",
        ),
        ({"TargetModel": "../m/one.tar.gz"}, "could not be found"),
    ],
    ids=["none", "absent", "parent"],
)
def test_a_model_has_to_be_there(hosting: Hosting, many: str, target: dict[str, str], message: str) -> None:
    told = refused(hosting, many, **target)
    assert told["Error"]["Code"] == "ValidationError"
    assert message in told["Error"]["Message"]


@pytest.mark.parametrize(
    "data", [b"no archive", archive({"../../out": b"x"}), archive({}, link="/etc/passwd")]
)
def test_an_archive_that_cannot_be_trusted_is_refused(hosting: Hosting, many: str, data: bytes) -> None:
    hosting.emulator.put(BUCKET, **{"m/bad": data})
    told = refused(hosting, many, TargetModel="bad")
    assert told["Error"]["Code"] == "ValidationError"
    assert f"s3://{BUCKET}/m/bad" in told["Error"]["Message"]
    assert ask(hosting, many, "one")["folders"] == 1


@pytest.mark.parametrize(
    "container",
    [
        {},
        {
            "ModelDataSource": {
                "S3DataSource": {
                    "S3Uri": f"s3://{BUCKET}/m/", "S3DataType": "S3Prefix", "CompressionType": "None"
                }
            }
        },
    ],
    ids=["nothing", "source"],
)  # fmt: skip
def test_it_takes_its_models_from_a_prefix(hosting: Hosting, container: dict[str, Any]) -> None:
    with pytest.raises(ClientError, match="the S3 prefix in ModelDataUrl"):
        hosting.model("holds_models", Mode="MultiModel", **container)


def test_an_endpoint_of_one_model_takes_no_target_model(hosting: Hosting) -> None:
    name = hosting.endpoint()
    told = refused(hosting, name, TargetModel="one.tar.gz")
    assert told["Error"]["Code"] == "ValidationError"
    assert told["Error"]["Message"] == (
        f"Endpoint {name} is not a multi-model endpoint and does not support target model header."
    )
    hosting.delete(name)


def test_batch_transform_runs_no_multi_model_container(hosting: Hosting) -> None:
    model = hosting.model("holds_models", Mode="MultiModel", ModelDataUrl=f"s3://{BUCKET}/m/")
    with pytest.raises(ClientError, match="Batch transform runs neither"):
        hosting.sagemaker.create_transform_job(
            TransformJobName="of-many-models",
            ModelName=model,
            TransformInput={
                "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/m/"}}
            },
            TransformOutput={"S3OutputPath": f"s3://{BUCKET}/out"},
            TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
        )
