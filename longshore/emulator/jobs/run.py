"""What all jobs at work have in common: a thread, a record, a folder, and an end in every case."""

from __future__ import annotations

import shutil
import tempfile
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

from longshore.emulator.faults import Failure
from longshore.emulator.jobs.control import Control, Stopped
from longshore.emulator.platform import Platform
from longshore.emulator.records import KindName
from longshore.errors import UserError


class JobRun(ABC):
    """Called in a thread of its own; all it learns it writes into the job's record."""

    kind: KindName

    def __init__(self, platform: Platform, name: str, control: Control) -> None:
        self._platform = platform
        self._name = name
        self._control = control
        self._record = platform.records.get(self.kind, name)
        self._folder = Path(tempfile.mkdtemp(prefix=f"{self.kind}-", dir=platform.folder))

    def __call__(self) -> None:
        try:
            self._run()
        except Stopped:
            self._finish("Stopped")
        except Failure as failure:
            self._finish("Failed", FailureReason=failure.reason)
        except (UserError, OSError) as error:  # the engine has gone, the disk is full
            self._finish("Failed", FailureReason=Failure(f"InternalServerError: {error}").reason)
        except Exception:
            reason = "InternalServerError: the emulator failed; its output has the traceback."
            self._finish("Failed", FailureReason=reason)
            raise
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._platform.jobs.remove(self.kind, self._name)

    def _finish(self, status: str, **members: Any) -> None:
        """Nothing where the emulator is ending: what ended the job then is no matter of the job's."""
        if not self._control.closing.is_set():
            self._end(status, **members)

    @abstractmethod
    def _run(self) -> None:
        """Do all of the work, and _finish() it. Failure for what is the job's own fault."""

    @abstractmethod
    def _end(self, status: str, **members: Any) -> None:
        """Write the end into the record: Completed, Failed, Stopped, or a job's own further ones."""


def begin(platform: Platform, run: type[JobRun], name: str) -> None:
    """Start a job whose record has been made."""
    control = Control(platform.stopping)
    platform.jobs.add(run.kind, name, control)
    platform.background(f"{run.kind} {name}", run(platform, name, control))
