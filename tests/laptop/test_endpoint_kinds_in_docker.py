"""Pipelines, multi-model and serverless endpoints whose containers are Docker's."""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support import docker
from tests.support.docker import containers
from tests.support.emulator import ROLE, EmulatorProcess
from tests.support.hosting import HOSTED, Hosting, archive

_MISSING = docker.missing()
pytestmark = pytest.mark.skipif(_MISSING is not None, reason=f"Docker: {_MISSING}")

_PROGRAMS = ("stage", "holds_models", "talks")
_DOCKERFILE = f"""\
FROM {docker.BASE_IMAGE}
COPY . /usr/local/bin/
ENTRYPOINT ["env", "--"]
"""
_LABELS = """\
LABEL com.amazonaws.sagemaker.capabilities.accept-bind-to-port=true
LABEL com.amazonaws.sagemaker.capabilities.multi-models=true
"""


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Two images with the programs of tests/hosted, of which PROGRAM is run: with the labels, and without."""
    context = tmp_path_factory.mktemp("image")
    for program in _PROGRAMS:
        shutil.copy(HOSTED / f"{program}.py", context)
    (context / "serve").write_text('#!/bin/sh\nexec "$PROGRAM.py" serve\n')
    (context / "serve").chmod(0o755)
    tag = f"longshore-test-kinds-{uuid.uuid4().hex[:8]}"
    for name, dockerfile in ((tag, _DOCKERFILE + _LABELS), (f"{tag}-plain", _DOCKERFILE)):
        build(name, context, dockerfile)
    yield tag, f"{tag}-plain"
    docker.docker("rmi", "--force", tag, f"{tag}-plain")


def build(tag: str, context: Path, dockerfile: str) -> None:
    # The label, because images with the same content are one image, and so another run's would be this one's.
    (context / "Dockerfile").write_text(f"{dockerfile}LABEL of={tag}\n")
    built = docker.build(tag, context)
    assert built.returncode == 0, built.stderr


@pytest.fixture
def hosting(emulator: EmulatorProcess) -> Hosting:
    return Hosting(emulator)


def stages(image: str) -> list[dict[str, Any]]:
    return [{"Image": image, "Environment": {"PROGRAM": "stage", "STAGE": stage}} for stage in "ab"]


def test_a_pipeline_in_containers(hosting: Hosting, images: tuple[str, str], name: str) -> None:
    hosting.sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, Containers=stages(images[0]))
    endpoint = hosting.create(hosting.config({"ModelName": name}))
    described = hosting.settled(endpoint)
    assert described["EndpointStatus"] == "InService", described
    way = json.loads(hosting.invoke(endpoint, '{"way": []}'))["way"]
    assert [(one["stage"], one["port"]) for one in way] == [("a", "8081"), ("b", "8082")]
    hosting.delete(endpoint)
    assert containers(images[0]) == []


def test_a_multi_model_container(hosting: Hosting, images: tuple[str, str]) -> None:
    hosting.emulator.put("docker-many", **{"m/one": archive({"text": b"one"})})
    endpoint = hosting.endpoint(
        Image=images[0],
        Environment={"PROGRAM": "holds_models"},
        Mode="MultiModel",
        ModelDataUrl="s3://docker-many/m",
    )
    assert json.loads(hosting.invoke(endpoint, "", TargetModel="one"))["text"] == "one"
    hosting.delete(endpoint)


def test_a_serverless_container_has_a_memory_limit(
    hosting: Hosting, images: tuple[str, str], name: str
) -> None:
    model = hosting.model(Image=images[0], Environment={"PROGRAM": "talks"})
    hosting.sagemaker.create_endpoint_config(
        EndpointConfigName=name,
        ProductionVariants=[
            {
                "VariantName": "v1",
                "ModelName": model,
                "ServerlessConfig": {"MemorySizeInMB": 2048, "MaxConcurrency": 1},
            }
        ],
    )
    endpoint = hosting.create(name)
    assert hosting.settled(endpoint)["EndpointStatus"] == "InService"
    assert containers(images[0]) == []
    assert hosting.invoke(endpoint, "hello") == b"hello"
    (container,) = containers(images[0])
    assert docker.inspect(container)["HostConfig"]["Memory"] == 2048 * 2**20
    hosting.delete(endpoint)
    assert containers(images[0]) == []


def test_an_image_has_to_say_what_it_can(hosting: Hosting, images: tuple[str, str], name: str) -> None:
    plain = images[1]
    message = f"Your Ecr Image {plain} does not contain required com.amazonaws.sagemaker.capabilities."
    with pytest.raises(ClientError) as caught:
        hosting.sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, Containers=stages(plain))
    assert f"{message}accept-bind-to-port=true Docker label(s)." in str(caught.value)
    hosting.emulator.put("docker-many")
    with pytest.raises(ClientError) as caught:
        hosting.model(Image=plain, Mode="MultiModel", ModelDataUrl="s3://docker-many/m")
    assert f"{message}multi-models=true Docker label(s)." in str(caught.value)
