"""Serverless endpoints take no image over 10 GB (B7). A door to the engine says how large this one is."""

from __future__ import annotations

from pathlib import Path

import pytest

from longshore.limits import SERVERLESS_IMAGE_BYTES_MAX
from tests.support.docker import missing
from tests.support.docker_door import Door
from tests.support.emulator import EmulatorProcess
from tests.support.engines import BUSYBOX
from tests.support.hosting import Hosting

pytestmark = pytest.mark.skipif(bool(reason := missing(BUSYBOX)), reason=f"no Docker here: {reason}")

_SMALL = {"MemorySizeInMB": 1024, "MaxConcurrency": 1}
_TOO_LARGE = SERVERLESS_IMAGE_BYTES_MAX + 1


def test_a_larger_image_fails_the_endpoint_before_anything_is_started(tmp_path: Path) -> None:
    door = Door(tmp_path / "door")
    emulator = EmulatorProcess(tmp_path, DOCKER_HOST=door.address)
    hosting = Hosting(emulator)
    serverless = {"VariantName": "v1", "ModelName": hosting.model(Image=BUSYBOX), "ServerlessConfig": _SMALL}
    hosting.sagemaker.create_endpoint_config(EndpointConfigName="small", ProductionVariants=[serverless])

    def reason(config: str) -> str:
        described = hosting.settled(hosting.create(config))
        assert described["EndpointStatus"] == "Failed"
        return str(described["FailureReason"])

    door.image_bytes = _TOO_LARGE
    told = f"Image size {_TOO_LARGE} is greater than supported size {SERVERLESS_IMAGE_BYTES_MAX}"
    assert reason("small").startswith(told)
    # These begin to start it, which fails because busybox has no program `serve`.
    assert "executable file not found" in reason(hosting.config({"ModelName": serverless["ModelName"]}))
    door.image_bytes = SERVERLESS_IMAGE_BYTES_MAX
    assert "executable file not found" in reason("small")
    emulator.close()
    door.shut()
