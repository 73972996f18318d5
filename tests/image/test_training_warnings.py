"""Trainings that end well and yet did not do what their author meant: one warning each on stderr."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.training import Training

SAVES = "def train(channels, hyperparameters, model_dir):\n    (model_dir / 'new.bin').write_text('x')\n"
SAVES_NOTHING = "def train(channels, hyperparameters, model_dir):\n    return 'a model'\n"
HIDDEN_ONLY = "def train(channels, hyperparameters, model_dir):\n    (model_dir / '.cache').write_text('x')\n"


def warnings(job: Training) -> list[str]:
    done = job.run()
    assert (done.code, done.failure) == (0, "")
    lines = done.stderr.splitlines()
    assert all(line.startswith("train: warning: ") for line in lines), done.stderr
    return [line.removeprefix("train: warning: ") for line in lines]


def job_of(folder: Path, code: str, **variables: str) -> Training:
    job = Training(folder, None, **variables)
    (job.program_dir / "model.py").write_text(code)
    job.model_dir.mkdir(parents=True)
    return job


@pytest.mark.parametrize("code", [SAVES_NOTHING, HIDDEN_ONLY])
def test_a_training_that_saves_nothing_says_so(tmp_path: Path, code: str) -> None:
    job = job_of(tmp_path, code)
    (job.model_dir / ".gitignore").write_text("*")
    assert warnings(job) == [
        f"train() ended well, but there is no file in {job.model_dir}: save the model there."
    ]


def test_a_program_that_saves_nothing_says_so_under_its_own_name(tmp_path: Path) -> None:
    job = job_of(tmp_path, SAVES, SAGEMAKER_PROGRAM="fit.sh")
    job.program("fit.sh", "true\n")
    (line,) = warnings(job)
    assert line.startswith("fit.sh ended well, but there is no file in ")


def test_a_training_that_leaves_the_old_model_as_it_was_says_so(tmp_path: Path) -> None:
    job = job_of(tmp_path, SAVES_NOTHING)
    (job.model_dir / "old.bin").write_text("old")
    (line,) = warnings(job)
    assert "there is nothing but files from before this run (old.bin) in " in line


def test_an_old_file_beside_the_new_ones_is_named(tmp_path: Path) -> None:
    job = job_of(tmp_path, SAVES)
    (job.model_dir / "new.bin").write_text("x")  # written anew with the same content
    for number in range(5):
        (job.model_dir / f"old-{number}.bin").write_text("old")
    (line,) = warnings(job)
    assert (
        "has files from before this run that train() did not write: old-0.bin, old-1.bin, old-2.bin and"
        in line
    )
    assert " and 2 more. They become part of the model, too" in line


def test_the_code_that_serves_the_model_is_no_old_file(tmp_path: Path) -> None:
    job = job_of(tmp_path, SAVES)
    (job.model_dir / "code").mkdir()
    (job.model_dir / "code" / "inference.py").write_text("")
    assert warnings(job) == []


def test_a_failed_training_says_why_it_failed_and_no_more(tmp_path: Path) -> None:
    job = job_of(tmp_path, "def train(channels, hyperparameters, model_dir): raise ValueError('bad')\n")
    (job.model_dir / "old.bin").write_text("old")
    done = job.run()
    assert done.code == 1
    assert "warning" not in done.stderr


def test_a_channels_folder_that_is_not_listed_is_named(tmp_path: Path) -> None:
    job = job_of(tmp_path, SAVES)
    job.config("inputdataconfig", {"training": {"TrainingInputMode": "File"}})
    job.channel("training")
    other = job.channel("validation")
    (line,) = warnings(job)
    assert (
        line == f"the folder {other} is no channel: inputdataconfig.json does not list it, so it is not used."
    )
