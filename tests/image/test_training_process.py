"""What train() finds in its process, and may do to it: arguments, streams, descriptors, HOME."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.training import Training, as_another_user

HEAD = "import argparse, getpass, json, os, pathlib, subprocess, sys\n"


def job_of(folder: Path, lines: str, before: str = "", **variables: str) -> Training:
    """A job whose train() has these lines."""
    job = Training(folder, None, **variables)
    body = "".join(f"    {line}\n" for line in lines.splitlines())
    text = f"{HEAD}{before}\ndef train(channels, hyperparameters, model_dir):\n{body}"
    (job.program_dir / "model.py").write_text(text)
    return job


REPORT = "json.dump(report, open(model_dir / 'report.json', 'w'))"
PARSER = "parser = argparse.ArgumentParser(); parser.add_argument('--epochs', type=int, default=3)\n"


@pytest.mark.parametrize("where", ["import", "train"])
def test_argparse_finds_no_arguments_of_ours(tmp_path: Path, where: str) -> None:
    parse = f"{PARSER}report = [parser.parse_args().epochs, sys.argv]\n"
    before, lines = (parse, REPORT) if where == "import" else ("", f"{parse}{REPORT}")
    job = job_of(tmp_path, lines, before)
    done = job.run()
    assert (done.code, done.stderr) == (0, "")
    assert job.report() == [3, [str(job.program_dir / "model.py")]]


def test_child_processes_of_train_find_the_modules_beside_model_py(tmp_path: Path) -> None:
    command = "[sys.executable, '-c', 'import beside; print(beside.x)']"
    job = job_of(tmp_path, f"report = subprocess.check_output({command}, text=True, cwd='/')\n{REPORT}")
    (job.program_dir / "beside.py").write_text("x = 5\n")
    done = job.run()
    assert (done.code, done.stderr) == (0, "")
    assert job.report() == "5\n"


STREAMS = {
    "replaced": (
        "class Tee:\n    def __init__(self, stream): self.stream = stream\n"
        "    def write(self, text): return self.stream.write(text)\n"
        "sys.stdout, sys.stderr = Tee(sys.stdout), Tee(sys.stderr)\n"
    ),
    "broken": (
        "class Broken:\n    def write(self, text): raise OSError('no')\n"
        "    def flush(self): raise OSError('no')\n"
        "sys.stdout, sys.stderr = Broken(), Broken()\n"
    ),
    "None": "sys.stdout = sys.stderr = None\n",
    "closed": "sys.stdout.close(); sys.stderr.close()\n",
    "descriptors closed": "os.closerange(0, 3)\n",
    "all descriptors closed": "os.closerange(0, 1000)\n",
}


@pytest.mark.parametrize("how", STREAMS)
def test_a_training_that_replaces_or_closes_its_streams_ends_as_it_would(tmp_path: Path, how: str) -> None:
    job = job_of(
        tmp_path, f"{STREAMS[how]}report = 1\nwith open(model_dir / 'report.json', 'w') as f: f.write('1')"
    )
    done = job.run()
    assert (done.code, done.failure) == (0, ""), done.stderr
    assert job.report() == 1


@pytest.mark.parametrize("how", STREAMS)
def test_a_training_that_replaces_or_closes_its_streams_fails_as_it_would(tmp_path: Path, how: str) -> None:
    job = job_of(tmp_path, f"{STREAMS[how]}raise RuntimeError('the reason')")
    done = job.run()
    assert done.code == 1
    if how == "all descriptors closed":  # the pipe for the report, too
        assert done.failure == "train() exited with code 1."
    else:
        assert done.failure.startswith("RuntimeError: the reason (model.py line ")
        assert "RuntimeError: the reason" in done.stderr


@pytest.mark.parametrize(
    "error", ["GeneratorExit", "__import__('asyncio').CancelledError('x')", "BaseException('x')"]
)
def test_any_base_exception_of_train_is_a_failure_with_its_name(tmp_path: Path, error: str) -> None:
    done = job_of(tmp_path, f"raise {error}").run()
    assert done.code == 1
    assert error.partition("(")[0].rpartition(".")[2] in done.failure or "CancelledError" in done.failure


WHO = """
home = pathlib.Path.home()
(home / ".cache" / "mine").mkdir(parents=True)
report = [getpass.getuser(), str(home)]
"""


@pytest.mark.parametrize("kind", ["train", "program"])
@pytest.mark.parametrize("home", ["/root", "/", "", None])
def test_a_user_id_that_no_file_knows_has_a_home_and_a_name(
    open_folder: Path, home: str | None, kind: str
) -> None:
    job = job_of(open_folder, f"{WHO}{REPORT}")
    job.program("fit.py", f"{HEAD}model_dir = pathlib.Path(os.environ['SM_MODEL_DIR'])\n{WHO}{REPORT}\n")
    if kind == "program":
        job.variables["SAGEMAKER_PROGRAM"] = "fit.py"
    unset = ["env", *(f"--unset={name}" for name in ("HOME", "USER", "LOGNAME", "LNAME", "USERNAME"))]
    given = [] if home is None else [f"HOME={home}"]
    job.command = [*unset, *given, *as_another_user(*job.command)]  # skips if this is not root
    scratch = open_folder / "tmp"
    for folder in (job.ml_root, scratch):
        folder.mkdir(exist_ok=True)
        os.chown(folder, 10001, 10001)
    job.variables["TMPDIR"] = scratch
    done = job.run()
    assert (done.code, done.stderr) == (0, "")
    name, folder_used = job.report()
    assert name == "longshore"
    assert Path(folder_used).is_relative_to(scratch)
    assert list(scratch.iterdir()) == []  # removed at the end


def test_a_home_that_can_be_used_stays(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    job = job_of(tmp_path, f"{WHO}{REPORT}", HOME=str(home))
    done = job.run()
    assert (done.code, done.stderr) == (0, "")
    assert job.report()[1] == str(home)
