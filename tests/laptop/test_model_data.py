"""What becomes of an endpoint whose model's data was there at CreateModel, and is not any more."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.emulator import ROLE, EmulatorProcess
from tests.support.hosting import Hosting, archive, image

BUCKET = "of-models-that-go"
OBJECT = {"S3DataType": "S3Object", "S3Uri": f"s3://{BUCKET}/m/one"}
PREFIX = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/m/", "CompressionType": "None"}
NOTHING_BELOW = f"There is no S3 object whose key begins with s3://{BUCKET}/m/."
NO_OBJECT = f"There is no S3 object s3://{BUCKET}/m/one."
NO_ARCHIVE = f"s3://{BUCKET}/m/one is no tar.gz archive, or a damaged one"
KINDS: dict[str, dict[str, Any]] = {
    "url": {"ModelDataUrl": OBJECT["S3Uri"]},
    "gzip": {"ModelDataSource": {"S3DataSource": {**OBJECT, "CompressionType": "Gzip"}}},
    "object": {"ModelDataSource": {"S3DataSource": {**OBJECT, "CompressionType": "None"}}},
    "prefix": {"ModelDataSource": {"S3DataSource": PREFIX}},
}


@pytest.fixture
def hosting(emulator: EmulatorProcess) -> Iterator[Hosting]:
    """With a model's data at m/one."""
    emulator.put(BUCKET, **{"m/one": archive({"weights": b"42"})})
    yield Hosting(emulator)
    for key in emulator.keys(BUCKET):
        emulator.client("s3").delete_object(Bucket=BUCKET, Key=key)


def failed(hosting: Hosting, model: str) -> str:
    """Why an endpoint of this model fails; and that no container of it is left."""
    name = hosting.create(hosting.config({"ModelName": model}))
    described = hosting.settled(name)
    assert described["EndpointStatus"] == "Failed"
    hosting.delete(name)
    reason: str = described["FailureReason"]
    return reason


@pytest.mark.parametrize(
    ("kind", "reason"),
    [("url", NO_OBJECT), ("gzip", NO_OBJECT), ("object", NO_OBJECT), ("prefix", NOTHING_BELOW)],
)
def test_data_that_has_gone(hosting: Hosting, kind: str, reason: str) -> None:
    model = hosting.model(**KINDS[kind])
    hosting.emulator.client("s3").delete_object(Bucket=BUCKET, Key="m/one")
    assert reason in failed(hosting, model)
    hosting.emulator.put(BUCKET, **{"m/one": archive({"weights": b"42"})})
    name = hosting.create(hosting.config({"ModelName": model}))  # and once it is back the same model serves
    assert hosting.settled(name)["EndpointStatus"] == "InService"
    hosting.delete(name)


@pytest.mark.parametrize("kind", ["url", "gzip"])
def test_an_archive_that_was_replaced_by_a_damaged_one(hosting: Hosting, kind: str) -> None:
    model = hosting.model(**KINDS[kind])
    hosting.emulator.put(BUCKET, **{"m/one": archive({"weights": b"x" * 100_000})[:60]})
    assert NO_ARCHIVE in failed(hosting, model)


@pytest.mark.parametrize(
    ("key", "reason"),
    [("m/../out", "would be written outside of its folder"), ("m/one/below", "could not be laid out")],
)
def test_keys_below_a_prefix_that_are_no_files_of_one_folder(hosting: Hosting, key: str, reason: str) -> None:
    model = hosting.model(**KINDS["prefix"])
    hosting.emulator.put(BUCKET, **{key: b"x"})
    assert reason in failed(hosting, model)


def test_a_pipeline_one_of_whose_models_has_gone(hosting: Hosting) -> None:
    hosting.emulator.put(BUCKET, other=archive({"weights": b"1"}))
    stages = [
        {"Image": image("stage"), "Environment": {"STAGE": stage}, **data}
        for stage, data in (("a", {"ModelDataUrl": f"s3://{BUCKET}/other"}), ("b", KINDS["prefix"]))
    ]
    name = "pipeline-without-data"
    hosting.sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, Containers=stages)
    hosting.emulator.client("s3").delete_object(Bucket=BUCKET, Key="m/one")
    assert NOTHING_BELOW in failed(hosting, name)


def test_a_running_endpoint_keeps_the_data_it_was_made_of(hosting: Hosting) -> None:
    name = hosting.endpoint(**KINDS["url"])
    hosting.emulator.client("s3").delete_object(Bucket=BUCKET, Key="m/one")
    assert json.loads(hosting.invoke(name, "model")) == {"weights": "42"}
    hosting.delete(name)
