"""The image these tests run, built once, and a model that its own `train` made."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import docker, sample
from tests.support.training import open_to_all


@pytest.fixture(scope="session")
def base_image() -> str:
    """What images are built from; skips where that cannot be done."""
    if reason := docker.missing():
        pytest.skip(f"Docker: {reason}")
    return docker.BASE_IMAGE


@pytest.fixture(scope="session")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the template as it is shipped."""
    return sample.checkout(tmp_path_factory.mktemp("shipped"))


@pytest.fixture(scope="session")
def image(base_image: str, shipped: Path) -> Iterator[str]:
    """The image of the template as it is shipped. It is removed at the end, no container may be left."""
    tag = f"longshore-test:{os.getpid()}"
    # The label makes it another image than the same tests build beside these: containers are found by image.
    options = ("--build-arg", f"BASE_IMAGE={base_image}", "--label", f"of={tag}")
    built = docker.build(tag, shipped, *options)
    assert built.returncode == 0, built.stdout + built.stderr
    yield tag
    left = docker.containers(tag)
    for container in left:
        docker.docker("rm", "--force", container)
    docker.docker("rmi", tag)
    assert not left, "tests left containers behind"


@pytest.fixture
def ml_root(tmp_path: Path) -> Path:
    """A copy of local_test/test_dir, laid out as /opt/ml, that every user of a container may write to."""
    return copy_of_test_dir(tmp_path / "ml")


@pytest.fixture(scope="session")
def trained(image: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An /opt/ml with the sample model, as `docker run IMAGE train` leaves it."""
    ml_root = copy_of_test_dir(tmp_path_factory.mktemp("trained") / "ml")
    docker.docker("run", "--rm", "--volume", f"{ml_root}:/opt/ml", image, "train")
    return ml_root


def copy_of_test_dir(target: Path) -> Path:
    shutil.copytree(sample.TEST_DIR, target)
    open_to_all(target.parent)
    for name in ("model", "output"):
        (target / name).mkdir()
        (target / name).chmod(0o777)
    return target
