"""What a multi-model container has loaded, with short limits, in an emulator of this process (B4)."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from longshore.emulator.emulator import Emulator
from longshore.emulator.faults import AwsError
from longshore.emulator.hosting.hosted import HostedContainer, Place
from longshore.emulator.hosting.multi_model import ModelCache
from longshore.emulator.parts import parts
from tests.support.emulator import REGION
from tests.support.hosting import archive, image
from tests.support.server import PATIENCE, wait_until


class Held:
    """A multi-model container of an emulator in this process, and a cache with short limits before it."""

    def __init__(self, emulator: Emulator, folder: Path, **limits: float) -> None:
        self.definition = {
            "Image": image("holds_models"),
            "Mode": "MultiModel",
            "ModelDataUrl": "s3://in-this-process/m",
        }
        (self.part,) = parts({"PrimaryContainer": self.definition})
        self.container = HostedContainer(emulator.platform, self.part, Place("held", "v", "v/i", folder))
        self.container.start()
        self.container.wait_healthy(time.monotonic() + PATIENCE, PATIENCE)
        self.cache = ModelCache(
            emulator.platform, "held", self.part, folder / "models", self.container.pool, **limits
        )


@pytest.fixture(scope="module")
def inside() -> Iterator[Emulator]:
    emulator = Emulator(0, "123456789012", REGION)
    emulator.platform.books.create_bucket("in-this-process")
    yield emulator
    emulator.close()


def test_a_load_goes_on_after_the_client_was_told_that_it_is_not_ready(
    inside: Emulator, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    model = archive({"text": b"slow", "waits": str(gate).encode()})
    inside.platform.books.write("in-this-process", "m/slow", model)
    held = Held(inside, tmp_path, wait_seconds=0.05)
    with (
        pytest.raises(AwsError, match="ModelNotReadyException") as caught,
        held.cache.using("slow", time.monotonic() + PATIENCE),
    ):
        pass
    assert caught.value.status == 429
    gate.touch()
    wait_until(lambda: loaded(held), "it is loaded all the same")
    told = held.container.pool.request("POST", f"/models/{loaded(held)}/invoke", body=b"")
    assert json.loads(told.data)["loads"] == ["slow"]
    held.container.remove()


def loaded(held: Held) -> str | None:
    try:
        with held.cache.using("slow", time.monotonic() + PATIENCE) as name:
            return name
    except AwsError:
        return None


def test_a_load_that_takes_too_long_fails(inside: Emulator, tmp_path: Path) -> None:
    model = archive({"text": b"stuck", "waits": str(tmp_path / "never").encode()})
    inside.platform.books.write("in-this-process", "m/stuck", model)
    held = Held(inside, tmp_path, load_seconds=0.05)
    with (
        pytest.raises(AwsError, match="timed out while waiting for a response from container primary"),
        held.cache.using("stuck", time.monotonic() + PATIENCE),
    ):
        pass
    assert list((tmp_path / "models").iterdir()) == []
    held.container.remove()


def test_a_container_that_goes_while_it_loads_leaves_no_files(inside: Emulator, tmp_path: Path) -> None:
    gate = tmp_path / "never"
    model = archive({"text": b"late", "waits": str(gate).encode()})
    inside.platform.books.write("in-this-process", "m/late", model)
    held = Held(inside, tmp_path, wait_seconds=0.05)
    with (
        pytest.raises(AwsError, match="ModelNotReadyException"),
        held.cache.using("late", time.monotonic() + PATIENCE),
    ):
        pass
    wait_until(Path(f"{gate}.begun").exists, "it loads")
    held.cache.close()
    held.container.remove()
    wait_until(lambda: list((tmp_path / "models").iterdir()) == [], "the files go")


def test_the_name_in_paths_is_safe(inside: Emulator, tmp_path: Path) -> None:
    inside.platform.books.write("in-this-process", "m/a b/../ü.tar.gz", archive({"text": b"odd"}))
    held = Held(inside, tmp_path)
    with held.cache.using("a b/../ü.tar.gz", time.monotonic() + PATIENCE) as name:
        assert name.isalnum()
        assert (tmp_path / "models" / name / "model" / "text").read_text() == "odd"
    held.container.remove()
