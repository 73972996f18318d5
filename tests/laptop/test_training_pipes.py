"""Channels in Pipe mode: what a program reads from its FIFOs, epoch by epoch."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from longshore.emulator.jobs.transform.split import recordio
from tests.support.emulator import EmulatorProcess
from tests.support.jobs import archive, channel, train


def read(emulator: EmulatorProcess, name: str, uri: str, **members: Any) -> list[bytes]:
    """What tests/jobs/reads_pipes.py read of three epochs; of the second one it reads a byte."""
    train(
        emulator,
        name,
        "reads_pipes.py",
        InputDataConfig=[channel("c", uri, InputMode="Pipe", **members)],
    )
    job = emulator.ended("Training", name)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    model = archive(emulator, name, f"out/{name}/output/model.tar.gz")
    return [model[f"c_{epoch}"] for epoch in range(3)]


def test_each_epoch_is_all_objects_one_behind_the_other(emulator: EmulatorProcess, name: str) -> None:
    large = bytes(range(256)) * 2000
    emulator.put(name, **{"in/a": large, "in/b": b"end"})
    assert read(emulator, name, f"s3://{name}/in/") == [large + b"end", b"\0", large + b"end"]


def test_objects_may_be_wrapped_as_recordio(emulator: EmulatorProcess, name: str) -> None:
    emulator.put(name, **{"in/a": b"one", "in/b": b"three"})
    wrapped = recordio(b"one") + recordio(b"three")
    found = read(emulator, name, f"s3://{name}/in/", RecordWrapperType="RecordIO")
    assert found == [wrapped, wrapped[:1], wrapped]


def test_gzip_is_unpacked(emulator: EmulatorProcess, name: str) -> None:
    emulator.put(name, **{"in/a": gzip.compress(b"one")})
    assert read(emulator, name, f"s3://{name}/in/", CompressionType="Gzip") == [b"one", b"o", b"one"]


def test_the_order_is_another_one_in_each_epoch(emulator: EmulatorProcess, name: str) -> None:
    emulator.put(name, **{f"in/{letter}": letter.encode() for letter in "abcdefghijklmnop"})
    first, _, third = read(emulator, name, f"s3://{name}/in/", ShuffleConfig={"Seed": 1})
    assert sorted(first) == sorted(third) == list(b"abcdefghijklmnop")
    assert len({first, third, b"abcdefghijklmnop"}) == 3


def test_an_augmented_manifest_sends_objects_and_values(emulator: EmulatorProcess, name: str) -> None:
    lines = [
        {"source-ref": f"s3://{name}/img/1", "label": 7, "meta": {"a": 1}},
        {"source-ref": f"s3://{name}/img/2", "label": "cat"},
    ]
    manifest = "\n".join(map(json.dumps, lines)).encode()
    emulator.put(name, **{"m": manifest, "img/1": b"first", "img/2": b"second"})
    found = read(
        emulator,
        name,
        f"s3://{name}/m",
        S3DataType="AugmentedManifestFile",
        AttributeNames=["source-ref", "label"],
        RecordWrapperType="RecordIO",
    )
    assert found[0] == b"".join(map(recordio, (b"first", b"7", b"second", b"cat")))


@pytest.mark.parametrize(
    ("objects", "members", "reason"),
    [
        ({"in/a": b"no gzip"}, {"CompressionType": "Gzip"}, "is not gzip, as CompressionType says"),
        (
            {"in/a": b'{"other": 1}'},
            {"S3DataType": "AugmentedManifestFile", "AttributeNames": ["label"]},
            "line 1: no JSON with label",
        ),
    ],
)
def test_data_that_cannot_be_read_fails_the_job(
    emulator: EmulatorProcess, name: str, objects: dict[str, bytes], members: dict[str, Any], reason: str
) -> None:
    emulator.put(name, **objects)
    channels = [channel("c", f"s3://{name}/in/a", InputMode="Pipe", **members)]
    train(emulator, name, "reads_pipes.py", InputDataConfig=channels)
    assert reason in emulator.ended("Training", name)["FailureReason"]
