"""How a failed training is told: the failure file, stderr and the exit code (D6, D7)."""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from longshore_runtime.training import failure
from tests.support import disk
from tests.support.training import Training, as_another_user, open_to_all


def test_an_exception_is_told_reason_first_then_the_users_own_traceback(tmp_path: Path) -> None:
    done = Training(tmp_path, "train_raises").run()
    assert done.code == 1
    reason, _, trace = done.failure.partition("\n\n")
    assert reason == (
        "ValueError: 150 rows are too few,\nand they are all alike (model.py line 15, in check)"
    )
    assert trace.splitlines()[0] == "Traceback (most recent call last):"
    assert trace.splitlines()[1].endswith('model.py", line 7, in train')
    assert "user_train.py" not in done.stderr
    assert f"{trace}\nValueError: 150 rows are too few," in done.stderr
    assert f"train failed: {reason}" in done.stderr


def test_a_failure_in_a_neighbour_of_model_py_is_placed_there(tmp_path: Path) -> None:
    job = Training(tmp_path, None)
    job.program("features.py", "def clean(rows):\n    return rows[5]\n")
    job.program("model.py", "import features\ndef train(c, h, m):\n    features.clean([])\n")
    assert job.run().failure.startswith("IndexError: list index out of range (features.py line 2, in clean)")


def test_the_failure_file_holds_at_most_1024_characters(tmp_path: Path) -> None:
    done = Training(tmp_path, "train_raises_at_length").run()
    assert done.code == 1
    assert len(done.failure) == 1024
    assert done.failure.startswith("ValueError: é\\ud800é")


def test_of_a_long_traceback_the_failure_file_holds_the_end(tmp_path: Path) -> None:
    done = Training(tmp_path, "train_raises_from_deep_down").run()
    assert len(done.failure) <= 1024
    reason, _, trace = done.failure.partition("\n\n")
    assert reason == "RuntimeError: no way is left (model.py line 16, in even)"
    assert trace.startswith("...\n  ")
    assert trace.endswith('raise RuntimeError("no way is left")')
    assert "line 7, in train" in done.stderr


@pytest.mark.parametrize("length", [0, 1, 1000, 1010, 1020, 1024, 5000])
def test_reason_and_detail_never_exceed_what_is_shown(length: int) -> None:
    text = failure.describe("r" * length, "a line\n" * 300)
    assert len(text) <= 1024
    assert text.startswith("r" * min(length, 1024))


@pytest.mark.parametrize(
    ("model", "where", "what"),
    [
        (None, "model.py", "there is no such file"),
        ("train_has_no_train", "model.py", "it has no function train()"),
        ("train_takes_two_parameters", "model.py line 4", "cannot be called with (channels, hyper"),
        ("train_is_async", "model.py line 4", "train() is async, and nothing awaits it"),
        ("train_is_no_function", "model.py", "'train' is a int, not a function"),
    ],
)
def test_a_model_without_a_usable_train_is_told_so(
    tmp_path: Path, model: str | None, where: str, what: str
) -> None:
    done = Training(tmp_path, model).run()
    assert done.code == 2
    assert f"{where}: " in done.failure
    assert what in done.failure
    assert f"train failed: {done.failure}" in done.stderr
    assert "Traceback" not in done.stderr


def test_what_is_not_python_is_told_with_its_line(tmp_path: Path) -> None:
    job = Training(tmp_path, None)
    job.program("model.py", "x = 1\ndef train(:\n    pass\n")
    done = job.run()
    assert done.code == 2
    assert "model.py line 2: this is not valid Python: invalid syntax." in done.failure


def test_the_users_own_importerror_passes_untouched(tmp_path: Path) -> None:
    done = Training(tmp_path, "train_imports_what_is_missing").run()
    assert done.code == 1
    assert done.failure.startswith(
        "ModuleNotFoundError: No module named 'a_package_that_is_not_here' (model.py line 3, in <module>)"
    )
    assert "import a_package_that_is_not_here" in done.stderr
    assert "importlib" not in done.stderr


def test_a_crash_in_native_code_is_told_with_the_line_that_led_to_it(tmp_path: Path) -> None:
    done = Training(tmp_path, "train_crashes").run()
    assert done.code == 128 + signal.SIGSEGV
    assert done.failure.startswith("train() was killed by SIGSEGV")
    assert 'model.py", line 9 in train' in done.failure


def test_a_kill_is_told_as_probably_out_of_memory(tmp_path: Path) -> None:
    done = Training(tmp_path, "train_is_killed").run()
    assert done.code == 128 + signal.SIGKILL
    assert done.failure.startswith("train() was killed by SIGKILL, probably out of memory")


@pytest.mark.parametrize(
    ("argument", "code"), [("0", 0), ("null", 0), ("3", 3), ("255", 255), ("256", 1), ('"no data"', 1)]
)
def test_sys_exit_counts_as_it_does_in_a_program_but_never_wraps_to_0(
    tmp_path: Path, argument: str, code: int
) -> None:
    job = Training(tmp_path, "train_exits")
    job.config("hyperparameters", {"code": argument})
    done = job.run()
    assert done.code == code
    if code:
        assert done.failure.startswith("train() called sys.exit(")
        assert done.failure.endswith("(model.py line 9, in train)")
    else:
        assert done.failure == ""


def test_a_failure_file_that_the_users_code_wrote_stays(tmp_path: Path) -> None:
    done = Training(tmp_path, "train_writes_its_own_failure_file").run()
    assert (done.code, done.failure) == (255, "the data is of last year")


def test_an_earlier_runs_failure_file_is_gone(tmp_path: Path) -> None:
    job = Training(tmp_path, "train_reports")
    job.failure_file.parent.mkdir(parents=True)
    job.failure_file.write_text("old")
    assert job.run().code == 0
    assert not job.failure_file.exists()


def test_the_reason_is_on_stderr_where_the_failure_file_cannot_be_written(tmp_path: Path) -> None:
    job = Training(tmp_path, "train_raises")
    job.ml_root.mkdir()
    (job.ml_root / "output").mkdir()
    job.failure_file.mkdir()  # even root cannot write a file of that name
    done = job.run()
    assert done.code == 2
    assert f"train failed: {job.failure_file}: an earlier run left it" in done.stderr
    assert "could not be written" in done.stderr


def test_what_is_printed_arrives_though_training_fails(tmp_path: Path) -> None:
    job = Training(tmp_path, None)
    job.program("model.py", "import os\ndef train(c, h, m):\n    print('loss=1')\n    os._exit(4)\n")
    done = job.run()
    assert (done.code, done.stdout) == (4, "loss=1\n")
    assert done.failure == "train() exited with code 4."


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 256 KB."""
    (tmp_path / "ml").mkdir()
    with disk.small_disk(tmp_path / "ml", "256k") as mounted:
        yield mounted


@pytest.mark.usefixtures("small_disk")
def test_a_full_disk_is_a_failure_and_still_leaves_a_failure_file(tmp_path: Path) -> None:
    done = Training(tmp_path, "train_fills_the_disk").run()
    assert done.code == 1
    assert done.failure.startswith("OSError: [Errno 28] No space left on device (model.py line ")


@pytest.mark.usefixtures("small_disk")
def test_a_full_disk_is_a_failure_though_the_code_ignores_it(tmp_path: Path) -> None:
    job = Training(tmp_path, "train_ignores_a_full_disk")
    done = job.run()
    assert done.code == 1
    assert done.failure.startswith(f"No disk space is left in {job.model_dir}: the model is not complete")


def test_a_read_only_output_folder_leaves_the_reason_on_stderr(tmp_path: Path, small_disk: Path) -> None:
    job = Training(tmp_path, "train_raises", SM_MODEL_DIR=tmp_path / "model")
    (small_disk / "output" / "data").mkdir(parents=True)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    done = job.run()
    assert done.code == 1
    assert "train failed: ValueError: 150 rows are too few," in done.stderr
    assert f"could not be written to {job.failure_file}: [Errno 30] Read-only file system" in done.stderr


def test_it_trains_as_an_arbitrary_user(tmp_path: Path) -> None:
    job = Training(tmp_path, "train_reports")
    job.command = as_another_user(*job.command)
    job.ml_root.mkdir()
    shutil.chown(job.ml_root, 10001)
    open_to_all(tmp_path)
    done = job.run()
    assert done.code == 0, done.stderr
    assert job.report()["model_dir"] == str(job.model_dir)
    assert (job.model_dir / "report.json").stat().st_uid == 10001


def test_a_malformed_setting_is_in_the_failure_file_too(tmp_path: Path) -> None:
    done = Training(tmp_path, "sample", LOG_LEVEL="LOUD").run()
    assert done.code == 2
    assert done.failure.startswith("LOG_LEVEL: 'LOUD' is not allowed. Give ")
    assert done.stderr == f"train failed: {done.failure}\n"


def test_a_malformed_folder_leaves_the_reason_where_sagemaker_looks(tmp_path: Path) -> None:
    """In the image that is /opt/ml; here its absence is told."""
    done = Training(tmp_path, "sample", ML_ROOT=" ").run()
    assert done.code == 2
    assert "train failed: ML_ROOT: ' ' is not allowed. Give a path." in done.stderr
