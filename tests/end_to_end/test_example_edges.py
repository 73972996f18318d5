"""examples/edges as its users run it: an image on top of Longshore's, with S3 beside it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support.docker import Container, build, docker
from tests.support.edges import EXAMPLE, PORTRAIT, pgm, read_pgm, strengths
from tests.support.emulator import EmulatorProcess
from tests.support.hosting import Hosting
from tests.support.s3 import S3Server
from tests.support.server import PATIENCE, free_port

RESULT = ".sagemaker_shim/inference_result.json"


@pytest.fixture(scope="module")
def edges(image: str, base_image: str) -> Iterator[str]:
    """The example's image."""
    tag = f"{image}-edges"
    arguments = (f"BASE_IMAGE={base_image}", f"LONGSHORE_IMAGE={image}")
    built = build(tag, EXAMPLE, *(f"--build-arg={argument}" for argument in arguments))
    assert built.returncode == 0, built.stdout + built.stderr
    yield tag
    docker("rmi", tag)


@pytest.fixture
def s3(tmp_path: Path) -> Iterator[S3Server]:
    """A server on this machine's loopback, with the portrait in it."""
    with S3Server(tmp_path / "s3") as server:
        for bucket in ("uploads", "results"):
            server.make_bucket(bucket)
        server.put("uploads", "portrait.pgm", PORTRAIT.read_bytes())
        yield server


def task(pk: str, key: str = "portrait.pgm") -> dict[str, Any]:
    inputs = [{"relative_path": "scan.pgm", "bucket_name": "uploads", "bucket_key": key}]
    return {"pk": pk, "inputs": inputs, "output_bucket_name": "results", "output_prefix": f"{pk}/"}


def on_the_host(s3: S3Server) -> list[str]:
    """Options of `docker run`: this machine's loopback, where S3 is."""
    return ["--network=host", *(f"--env={name}={value}" for name, value in s3.environment().items())]


def assert_edges_of_the_portrait(s3: S3Server | EmulatorProcess, prefix: str) -> None:
    """The bytes that the program writes on the host, too: tests/image/test_example_edges.py."""
    found = strengths(read_pgm(PORTRAIT.read_bytes()))
    assert s3.get("results", f"{prefix}/scan.pgm") == pgm(found)
    summary = json.loads(s3.get("results", f"{prefix}/scan.json") or b"")
    assert summary == {"width": 128, "height": 150, "mean_edge_strength": round(float(found.mean()), 3)}


def test_a_task_posted_to_the_image_leaves_the_programs_outputs_in_s3(
    edges: str, s3: S3Server, ml_root: Path
) -> None:
    port = free_port()
    container = Container(edges, ml_root, *on_the_host(s3), f"--env=SAGEMAKER_BIND_TO_PORT={port}")
    container.url = f"http://127.0.0.1:{port}"  # with the host's network nothing is published
    with container:
        answer = requests.post(f"{container.url}/invocations", json=task("served"), timeout=PATIENCE)
        assert answer.status_code == 200, container.logs
        assert container.stop() == 0
    done = answer.json()
    assert (done["return_code"], done["reason"]) == (0, "ok"), answer.text
    assert done["progress"] == {"fraction": 1.0, "text": "scan.pgm"}
    assert [output["bucket_key"] for output in done["outputs"]] == ["served/scan.json", "served/scan.pgm"]
    assert s3.get("results", f"served/{RESULT}") == answer.content
    assert_edges_of_the_portrait(s3, "served")


def test_invoke_runs_tasks_in_a_container_and_its_exit_code_tells_how_they_ended(
    edges: str, s3: S3Server
) -> None:
    s3.put("uploads", "broken.pgm", PORTRAIT.read_bytes()[:-1])

    def invoke(*tasks: dict[str, Any]) -> int:
        command = (edges, "invoke", "--tasks", json.dumps(tasks))
        return docker("run", "--rm", *on_the_host(s3), *command, check=False).returncode

    assert invoke(task("first"), task("second")) == 0
    assert_edges_of_the_portrait(s3, "first")
    assert_edges_of_the_portrait(s3, "second")
    assert invoke(task("broken", "broken.pgm"), task("after")) == 1
    assert s3.keys("results", "broken/") == [f"broken/{RESULT}"]
    assert s3.keys("results", "after/") == []


def test_an_endpoint_of_the_emulator_fetches_from_its_s3_and_stores_there(edges: str, tmp_path: Path) -> None:
    emulator = EmulatorProcess(tmp_path)
    try:
        emulator.put("uploads", **{"portrait.pgm": PORTRAIT.read_bytes()})
        emulator.put("results")
        hosting = Hosting(emulator)
        name = hosting.endpoint(Image=edges)
        body = json.dumps(task("hosted"))
        done = json.loads(hosting.invoke(name, body, ContentType="application/json"))
        assert (done["return_code"], done["reason"]) == (0, "ok"), done
        assert emulator.keys("results", "hosted/") == [
            f"hosted/{RESULT}",
            "hosted/scan.json",
            "hosted/scan.pgm",
        ]
        assert_edges_of_the_portrait(emulator, "hosted")
    finally:
        emulator.close()
