"""Scripts that use one of the SageMaker SDKs, all running at the same time against one emulator."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import threading
from pathlib import Path
from typing import NamedTuple

from longshore.engines.host import HostEngine
from tests.support import clients
from tests.support.emulator import EmulatorProcess


class Sdk(NamedTuple):
    """An SDK: the name of its requirements, and the module that each script imports."""

    requirements: str
    module: str


SDKS = {"sdk_2": Sdk(clients.SDK_2, "sagemaker"), "sdk_3": Sdk(clients.SDK_3, "sagemaker.serve")}
_SECONDS = 900  # for all scripts of an SDK on a machine that is busy


def has_namespaces() -> bool:
    """Return whether programs of host:PATH have their own /opt/ml."""
    return HostEngine().has_namespaces()


class Flows:
    """Scripts that run from now until close()."""

    def __init__(self, emulator: EmulatorProcess, sdk: str, names: list[str], folder: Path) -> None:
        """Start them; skips the test where the SDK cannot be installed.

        Args:
            emulator: What they use as AWS.
            sdk: The folder of the scripts, a key of SDKS.
            names: The scripts, without `.py`.
            folder: An empty folder for what they write.
        """
        requirements, module = SDKS[sdk]
        python = clients.python(requirements)
        scripts = [clients.CLIENTS / sdk / f"{name}.py" for name in names]
        self._folder = folder
        self._succeeded: dict[str, bool] = {}
        self._changed = threading.Condition()
        self._errors = (folder / "errors.txt").open("w+")
        self._process = subprocess.Popen(
            [python, clients.CLIENTS / "side_by_side.py", module, folder, *scripts],
            env=clients.environment_of(
                emulator, SAGEMAKER_USER_CONFIG_OVERRIDE=clients.CLIENTS / "config.yaml"
            ),
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            start_new_session=True,  # so that close() ends the scripts too
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def result(self, name: str) -> tuple[bool, str]:
        """Wait for a script; return whether it succeeded, and what it printed."""
        with self._changed:
            self._changed.wait_for(
                lambda: name in self._succeeded or not self._reader.is_alive(), timeout=_SECONDS
            )
            succeeded = self._succeeded.get(name, False)
        output = self._folder / f"{name}.txt"
        if output.exists():
            return succeeded, output.read_text()
        self._errors.seek(0)
        return succeeded, self._errors.read()

    def close(self) -> None:
        """End what still runs."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._reader.join()
        self._errors.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                name, succeeded = json.loads(line)
                with self._changed:
                    self._succeeded[name] = succeeded
                    self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()
