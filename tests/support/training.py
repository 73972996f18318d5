"""A real `container/train` in a checkout of its own, with one of tests/models as its model.py."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support import sample
from tests.support.server import MODELS, PATIENCE, environment, wait_until


def as_another_user(*command: str) -> list[str]:
    """This command as user 10001, in no group; skips the test where that cannot be."""
    prefix = ["setpriv", "--reuid=10001", "--regid=10001", "--clear-groups"]
    if os.getuid() != 0 or not shutil.which("setpriv"):
        pytest.skip("only root can become another user, with setpriv")
    if subprocess.run([*prefix, sys.executable, "-c", ""], capture_output=True).returncode:
        pytest.skip(f"another user may not run {sys.executable}")
    return [*prefix, *command]


def open_to_all(folder: Path) -> None:
    """Let other users into a folder of pytest's, which are for one's own eyes, and into those around it.

    It stops at the first that is open already, but for pytest's own, which another run of pytest may have
    closed again above one that is open: what lies above those is not ours to change.
    """
    for parent in (folder, *folder.parents):
        mode = parent.stat().st_mode
        if mode & 0o005 != 0o005:
            parent.chmod(mode | 0o055)
        elif not parent.name.startswith(("pytest-", "popen-")):
            return


@dataclass(frozen=True)
class Trained:
    """What a finished training left: its exit code, what it said, and its failure file ('' without one)."""

    code: int
    stdout: str
    stderr: str
    failure: str


class Training:
    """One job: lay out its folder, then run() it, or start() it and wait_for() what it prints.

    model: the name of a file of tests/models; 'sample' for the shipped model.py, None for none at all.
    """

    def __init__(self, folder: Path, model: str | None, **variables: str | Path | int) -> None:
        self.program_dir = sample.container(folder / "container")
        model_file = self.program_dir / "model.py"
        if model is None:
            model_file.unlink()
        elif model != "sample":
            shutil.copy(MODELS / f"{model}.py", model_file)
        self.ml_root = folder / "ml"
        self.model_dir = self.ml_root / "model"
        self.failure_file = self.ml_root / "output" / "failure"
        self.variables = {"ML_ROOT": self.ml_root} | variables
        self.command = [str(self.program_dir / "train")]
        self._out, self._err = folder / "stdout", folder / "stderr"

    def config(self, name: str, value: Any) -> None:
        """Write input/config/NAME.json: bytes as they are, all else as JSON."""
        file = self.ml_root / "input" / "config" / f"{name}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(value if isinstance(value, bytes) else json.dumps(value).encode())

    def channel(self, name: str) -> Path:
        """Make this channel's folder."""
        path = self.ml_root / "input" / "data" / name
        path.mkdir(parents=True)
        return path

    def program(self, name: str, text: str, mode: int = 0o644) -> Path:
        """Write a program into the folder where SAGEMAKER_PROGRAM is looked for last."""
        file = self.program_dir / name
        file.write_text(text)
        file.chmod(mode)
        return file

    def start(self) -> subprocess.Popen[bytes]:
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.process = subprocess.Popen(
                self.command,
                env=environment(**self.variables),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
            )
        return self.process

    def wait_for(self, text: str) -> None:
        """Wait until it has printed this on stdout."""

        def printed() -> bool:
            seen = text in self._out.read_text()
            assert seen or self.process.poll() is None, f"train ended: {self._err.read_text()}"
            return seen

        try:
            wait_until(printed, f"{text!r} on stdout")
        except AssertionError:
            self._kill_all()
            raise

    def end(self) -> Trained:
        try:
            code = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._kill_all()
            raise
        failure = self.failure_file.read_text() if self.failure_file.is_file() else ""
        return Trained(code, self._out.read_text(), self._err.read_text(), failure)

    def _kill_all(self) -> None:
        """Leave nothing running after a failed test: what trains is in a session of its own."""
        pids = [self.process.pid]
        for pid in pids:  # grows as it goes
            for children in Path(f"/proc/{pid}/task").glob("*/children"):
                pids += map(int, children.read_text().split())
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()

    def run(self) -> Trained:
        self.start()
        return self.end()

    def report(self) -> Any:
        """What a model that describes its call wrote into model_dir/report.json."""
        return json.loads((self.model_dir / "report.json").read_text())
