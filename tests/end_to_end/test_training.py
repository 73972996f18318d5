"""`docker run IMAGE train`, as every user SageMaker may choose, and what it leaves in /opt/ml."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.end_to_end.test_serving import READ_ONLY
from tests.support.docker import Container, docker
from tests.support.server import MODELS, wait_until

AS: dict[str, tuple[str, ...]] = {
    "root": (),
    "user 10001, read-only": ("--user", "10001", *READ_ONLY),
    "an arbitrary user, read-only": ("--user", "54321:0", *READ_ONLY),
    "no network": ("--network=none",),
}


@pytest.mark.parametrize("options", AS.values(), ids=AS.keys())
def test_it_trains_the_sample_as(image: str, ml_root: Path, options: tuple[str, ...]) -> None:
    run = docker("run", "--rm", *options, "--volume", f"{ml_root}:/opt/ml", image, "train", check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "validation:accuracy=" in run.stdout
    assert (ml_root / "model" / "model.skops").stat().st_size > 1000
    assert not (ml_root / "output" / "failure").exists()


def test_data_it_cannot_read_fail_it_with_a_reason(image: str, ml_root: Path) -> None:
    (ml_root / "input" / "data" / "training" / "iris.csv").unlink()
    run = docker("run", "--rm", "--volume", f"{ml_root}:/opt/ml", image, "train", check=False)
    assert run.returncode == 1
    assert (
        "there is no .csv file in /opt/ml/input/data/training" in (ml_root / "output" / "failure").read_text()
    )


def test_docker_stop_reaches_the_training_program(image: str, ml_root: Path) -> None:
    model = f"--volume={MODELS / 'train_saves_when_stopped.py'}:/opt/program/model.py:ro"
    with Container(image, ml_root, model, command=("train",), wait=False) as container:
        wait_until(lambda: "training" in container.logs, "the start of the training")
        assert container.stop(seconds=60) == 128 + signal.SIGTERM
        assert (ml_root / "model" / "saved").is_file()


def test_a_full_disk_fails_it(image: str, ml_root: Path) -> None:
    options = (
        f"--volume={MODELS / 'train_fills_the_disk.py'}:/opt/program/model.py:ro",
        "--tmpfs=/opt/ml/model:size=1m",
    )
    with Container(image, ml_root, *options, command=("train",), wait=False) as container:
        assert container.wait_exit() == 1
        assert "No space left on device" in (ml_root / "output" / "failure").read_text()
