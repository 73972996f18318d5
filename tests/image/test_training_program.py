"""Training by any program that SAGEMAKER_PROGRAM names."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.support.training import Training

REPORT = """
import json, os, sys
report = {"argv": sys.argv[1:], "folder": os.getcwd(), "entry": os.environ["SM_USER_ENTRY_POINT"]}
with open(os.environ["SM_MODEL_DIR"] + "/report.json", "w") as file:
    json.dump(report | {"file": __file__}, file)
"""
SHELL = 'printf \'["%s", "%s"]\' "$1" "$2" > "$SM_MODEL_DIR/report.json"\n'


def test_a_python_program_gets_its_hyperparameters_as_arguments(tmp_path: Path) -> None:
    job = Training(tmp_path, None, SAGEMAKER_PROGRAM="fit.py")
    file = job.program("fit.py", REPORT)
    job.config("hyperparameters", {"epochs": "5", "name": "a b", "sagemaker_region": '"eu-west-1"'})
    done = job.run()
    assert (done.code, done.stderr) == (0, "")
    assert job.report() == {
        "argv": ["--epochs", "5", "--name", "a b"],
        "folder": str(job.program_dir),
        "entry": "fit.py",
        "file": str(file),
    }


@pytest.mark.parametrize(
    ("name", "text", "mode"),
    [
        ("fit.sh", SHELL, 0o644),
        ("fit.sh", SHELL, 0o755),
        ("fit.sh", f"#!/bin/sh\n{SHELL}", 0o644),
        ("fit.sh", f"#!/usr/bin/env bash\n[[ -n $BASH_VERSION ]] || exit 9\n{SHELL}", 0o755),
        ("fit", f"#!/bin/sh\n{SHELL}", 0o755),
    ],
)
def test_a_shell_script_and_any_executable_run(tmp_path: Path, name: str, text: str, mode: int) -> None:
    job = Training(tmp_path, None, SAGEMAKER_PROGRAM=name)
    job.program(name, text, mode)
    job.config("hyperparameters", {"epochs": "5"})
    done = job.run()
    assert done.code == 0, done.stderr
    assert job.report() == ["--epochs", "5"]


def test_the_hyperparameter_names_the_program_where_the_variable_does_not(tmp_path: Path) -> None:
    job = Training(tmp_path, None)
    job.program("fit.py", REPORT)
    job.config("hyperparameters", {"sagemaker_program": '"fit.py"'})
    assert job.run().code == 0
    assert job.report()["entry"] == "fit.py"

    job.variables["SAGEMAKER_PROGRAM"] = "other.py"
    job.program("other.py", REPORT)
    assert job.run().code == 0
    assert job.report()["entry"] == "other.py"


def test_a_program_is_looked_for_in_the_submit_directory_then_in_code_then_beside_app(tmp_path: Path) -> None:
    job = Training(tmp_path, None, SAGEMAKER_PROGRAM="fit.py", SAGEMAKER_SUBMIT_DIRECTORY=tmp_path / "sub")
    folders = [tmp_path / "sub", job.ml_root / "code", job.program_dir]
    found = []
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "fit.py").write_text(REPORT)
    for folder in folders:
        assert job.run().code == 0
        found.append(Path(job.report()["file"]).parent)
        (folder / "fit.py").unlink()
    assert found == folders

    done = job.run()
    assert done.code == 2
    assert done.failure.startswith("SAGEMAKER_PROGRAM 'fit.py': there is no such file in ")
    assert all(str(folder) in done.failure for folder in folders)


@pytest.mark.parametrize("where", ["code", "submit"])
def test_a_program_in_a_subfolder_runs_as_with_awss_toolkit(tmp_path: Path, where: str) -> None:
    """The code folder is the working folder, and its modules are found, by child processes, too."""
    job = Training(tmp_path, None, SAGEMAKER_PROGRAM="src/train.py")
    folder = job.ml_root / "code" if where == "code" else tmp_path / "sub"
    if where == "submit":
        job.variables["SAGEMAKER_SUBMIT_DIRECTORY"] = folder
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "__init__.py").write_text("")
    (folder / "src" / "lib.py").write_text("x = 5\n")
    (folder / "src" / "beside.py").write_text("y = 6\n")
    (folder / "settings.txt").write_text("hello")
    (folder / "src" / "train.py").write_text("""
import json, os, subprocess, sys
from beside import y
from src.lib import x
command = [sys.executable, "-c", "from src.lib import x; print(x)"]
child = subprocess.run(command, capture_output=True, text=True, cwd="/")
names = "SM_MODULE_DIR", "SM_MODULE_NAME", "SM_USER_ENTRY_POINT", "PYTHONPATH"
report = [x, y, open("settings.txt").read(), child.stdout.strip(), *(os.environ[name] for name in names)]
json.dump(report, open(os.environ["SM_MODEL_DIR"] + "/report.json", "w"))
""")
    job.variables["PYTHONPATH"] = "/somewhere"
    done = job.run()
    assert (done.code, done.stderr) == (0, "")
    own = [str(folder), "src/train", "src/train.py", f"{folder}:/somewhere"]
    assert job.report() == [5, 6, "hello", "5", *own]


def test_code_in_s3_is_refused_not_ignored(tmp_path: Path) -> None:
    job = Training(tmp_path, "train_reports")
    job.config(
        "hyperparameters",
        {"sagemaker_program": '"fit.py"', "sagemaker_submit_directory": '"s3://bucket/sourcedir.tar.gz"'},
    )
    job.program("fit.py", REPORT)
    done = job.run()
    assert done.code == 2
    assert (
        "s3://bucket/sourcedir.tar.gz is an address, and this container does not fetch code" in done.failure
    )
    assert not (job.model_dir / "report.json").exists()


@pytest.mark.parametrize(
    ("name", "text", "mode", "what"),
    [
        ("fit", "#!/bin/sh\n", 0o644, "it is not executable. Run: chmod +x "),
        ("fit", "#!/bin/nothing\n", 0o755, "its first line asks for '/bin/nothing', which is not here"),
        (
            "fit.sh",
            "#!/bin/sh\r\ntrue\r\n",
            0o755,
            "'/bin/sh\\r', which is not here. Save the file with Unix",
        ),
        ("fit", "no first line\n", 0o755, "it cannot be started: [Errno 8] Exec format error"),
    ],
)
def test_a_program_that_cannot_be_started_is_told_why(
    tmp_path: Path, name: str, text: str, mode: int, what: str
) -> None:
    job = Training(tmp_path, None, SAGEMAKER_PROGRAM=name)
    job.program(name, text, mode)
    done = job.run()
    assert done.code == 2
    assert what in done.failure


def test_a_programs_own_exit_code_counts_and_the_end_of_its_stderr_is_kept(tmp_path: Path) -> None:
    job = Training(tmp_path, None, SAGEMAKER_PROGRAM="fit.py")
    job.program("fit.py", "import sys\nprint('e' * 5000, file=sys.stderr)\nsys.exit('no data')\n")
    done = job.run()
    assert done.code == 1
    assert done.failure == "fit.py exited with code 1.\n\n...\nno data"
    assert "e" * 5000 in done.stderr

    job.program("fit.py", "raise SystemExit(77)\n")
    done = job.run()
    assert (done.code, done.failure) == (77, "fit.py exited with code 77.")


def test_a_program_killed_by_a_signal_gives_128_and_the_signal(tmp_path: Path) -> None:
    job = Training(tmp_path, None, SAGEMAKER_PROGRAM="fit.sh")
    job.program("fit.sh", "kill -ABRT $$\n")
    done = job.run()
    assert done.code == 128 + signal.SIGABRT
    assert done.failure == "fit.sh was killed by signal 6 (Aborted)."


def test_a_program_that_writes_its_own_reason_keeps_it(tmp_path: Path) -> None:
    job = Training(tmp_path, None, SAGEMAKER_PROGRAM="fit.sh")
    job.program("fit.sh", 'echo "too few rows" > "$SM_OUTPUT_DIR/failure"\nexit 3\n')
    done = job.run()
    assert (done.code, done.failure) == (3, "too few rows\n")


def test_python_output_comes_while_the_program_runs(tmp_path: Path) -> None:
    """CloudWatch, and the regular expressions that read metrics from it, want each line when it is said."""
    job = Training(tmp_path, None, SAGEMAKER_PROGRAM="fit.py")
    job.program("fit.py", "import time\nprint('loss=1')\ntime.sleep(300)\n")
    job.command = ["env", "-u", "PYTHONUNBUFFERED", *job.command]
    job.start()
    job.wait_for("loss=1")
    job.process.terminate()
    assert job.end().code == 128 + signal.SIGTERM
