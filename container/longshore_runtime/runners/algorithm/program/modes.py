"""The two ways a program does tasks: exec starts it for each, invoke starts it once and calls it for each."""

from __future__ import annotations

import os
import re
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from longshore_runtime.algorithm_settings import AlgorithmSettings
from longshore_runtime.errors import StartError
from longshore_runtime.runners.algorithm.emptying import empty
from longshore_runtime.runners.algorithm.folders import Folders
from longshore_runtime.runners.algorithm.outcome import Reason, TaskError
from longshore_runtime.runners.algorithm.program import command, leftovers, process, users
from longshore_runtime.runners.algorithm.program.containment import Containment
from longshore_runtime.runners.algorithm.program.output import Lines
from longshore_runtime.runners.algorithm.program.process import Program
from longshore_runtime.runners.algorithm.program.users import Identity
from longshore_runtime.runners.algorithm.program.web_program import WebProgram
from longshore_runtime.runners.algorithm.request import Task

_CANNOT_RUN = 126  # a shell's code for what it may not run
_DENIED = re.compile("permission denied|operation not permitted|read-only file system", re.IGNORECASE)


@dataclass(frozen=True)
class Ran:
    """How the program did a task. code: as in subprocess, negative for a signal; seconds: how long it took.

    why: what to tell the user where it is more than the code says.
    """

    code: int
    timed_out: bool
    stopped: bool
    seconds: float
    last_stderr: list[str]
    why: str | None = None

    def refuse_failure(self, seconds: float, identity: Identity) -> None:
        """Raises TaskError unless the program has done well. seconds: how many it had."""
        if self.stopped:
            raise TaskError(Reason.STOPPED, "The server was stopped before the task had ended.")
        if self.timed_out:
            raise TaskError(Reason.TIMEOUT, f"The program had not ended within its {seconds:g} s.")
        if self.why is not None:
            raise TaskError(Reason.EXIT, self.why)
        if self.code < 0:
            hint = " The machine may have run out of memory." if -self.code == signal.SIGKILL else ""
            raise TaskError(Reason.SIGNAL, f"The program ended {process.how_it_ended(self.code)}.{hint}")
        if self.code > 0:
            was_denied = self.code == _CANNOT_RUN or any(map(_DENIED.search, self.last_stderr))
            hint = users.hint(identity) if was_denied else ""
            raise TaskError(Reason.EXIT, f"The program ended with code {self.code}{hint}.")


class Mode(Protocol):
    """How tasks are done."""

    def start(self) -> None:
        """Once, before the first task; raises TaskError, or StartError where a setting is at fault."""

    def identity(self) -> Identity:
        """Who does the next task. Raises TaskError."""

    def progress_file(self, folders: Folders) -> Path:
        """Where the program may write its progress on this task."""

    def run(
        self, task: Task, folders: Folders, identity: Identity, seconds: float, stop: threading.Event
    ) -> Ran:
        """Do the task, in so many seconds at most; raises TaskError where it cannot be tried."""

    def end(self) -> None:
        """Once, after the last task."""


def choose(
    settings: AlgorithmSettings, containment: Containment, report: Callable[[str | None], None]
) -> Mode:
    """The mode these settings ask for. Raises StartError where the program's command is malformed."""
    if settings.command is not None:
        argv = command.from_text(settings.command)
    else:
        argv = command.from_image(settings.cmd_b64j, settings.entrypoint_b64j)
    if settings.api_method == "invoke":
        return InvokeMode(settings, argv, containment.identity(), report)
    return ExecMode(settings, argv, containment)


class ExecMode:
    """The program is started for each task, and has ended when the task has."""

    def __init__(self, settings: AlgorithmSettings, argv: tuple[str, ...], containment: Containment) -> None:
        self._settings = settings
        self._argv = argv
        self._containment = containment

    def start(self) -> None:
        """Raises StartError where there is no such program, or not for its user: no task could do well."""
        name = self._argv[0]
        if "{" in name:  # a folder in braces is known later
            return
        variable = "ALGORITHM_COMMAND" if self._settings.command else "ALGORITHM_ENTRYPOINT_B64J"
        if shutil.which(name, os.F_OK) is None:
            remedy = "Copy the program into the image, or name it by its whole path."
            raise StartError(variable, f"there is no program {name!r}.", remedy)
        path, user = shutil.which(name), self.identity().alone
        if path is not None and user is not None and not user.may_run(path):
            what = f"{path} may not be run by the users that tasks run as."
            remedy = f"Open it and its folders (chmod a+rx), or set {users.VARIABLE}=root."
            raise StartError(variable, what, remedy)

    def identity(self) -> Identity:
        return self._containment.identity()

    def progress_file(self, folders: Folders) -> Path:
        return folders.scratch / "progress"

    def run(
        self, task: Task, folders: Folders, identity: Identity, seconds: float, stop: threading.Event
    ) -> Ran:
        lines = Lines(task.pk)
        added = _told(folders.input, folders.output, self.progress_file(folders))
        added["ALGORITHM_TASK_ID"] = task.pk
        argv = command.substituted(self._argv, folders.input, folders.output)
        program = _program(self._settings, argv, identity, added, _private(identity, folders.scratch))
        try:
            ended = process.run(program, seconds, stop, lines)
        finally:
            leftovers.remove(identity, keep=(folders.input, folders.output))
        return Ran(ended.code, ended.timed_out, ended.stopped, ended.seconds, lines.last_stderr)

    def end(self) -> None:
        """Nothing runs after the last task."""


class InvokeMode:
    """The program is a web server that lives as long as ours, and is called for each task."""

    def __init__(
        self,
        settings: AlgorithmSettings,
        argv: tuple[str, ...],
        identity: Identity,
        report: Callable[[str | None], None],
    ) -> None:
        self._identity = identity
        # One file for all tasks, as the program learns of it once.
        self._folder = tempfile.TemporaryDirectory(prefix="longshore-", dir=settings.work_dir)
        Path(self._folder.name).chmod(0o777)
        self._progress = Path(self._folder.name) / "progress"
        self._scratch = tempfile.TemporaryDirectory(prefix="longshore-", dir=settings.work_dir)
        if identity.owner is not None:
            os.chown(self._scratch.name, *identity.owner)
        assert settings.input_path is not None and settings.output_path is not None
        folders = (settings.input_path, settings.output_path)
        argv, added = command.substituted(argv, *folders), _told(*folders, self._progress)
        self._web = WebProgram(
            _program(settings, argv, identity, added, _private(identity, Path(self._scratch.name))),
            settings.webserver_port,
            settings.start_timeout_seconds,
            settings.health_timeout_seconds,
            report,
        )

    def start(self) -> None:
        self._web.start()

    def identity(self) -> Identity:
        return self._identity  # of all tasks: one program does them

    def progress_file(self, folders: Folders) -> Path:
        return self._progress

    def run(
        self, task: Task, folders: Folders, identity: Identity, seconds: float, stop: threading.Event
    ) -> Ran:
        empty(Path(self._folder.name))  # of the last task's progress
        did = self._web.invoke(task.pk, seconds, stop)
        return Ran(did.code, did.timed_out, False, did.seconds, did.last_stderr, did.why)

    def end(self) -> None:
        self._web.stop()
        leftovers.remove(self._identity)
        for folder in (self._folder, self._scratch):
            empty(Path(folder.name))
            folder.cleanup()


def _private(identity: Identity, scratch: Path) -> Path | None:
    """The folders `home` and `tmp` in scratch, made for a task's own user, who may write nowhere else."""
    if identity.owner is None or identity.alone is None:
        return None
    for name in command.PRIVATE_FOLDERS:
        (scratch / name).mkdir()
        os.chown(scratch / name, *identity.owner)
    return scratch


def _told(input_folder: Path, output_folder: Path, progress: Path) -> dict[str, str]:
    """What a program learns from its environment."""
    return {
        "ALGORITHM_INPUT": str(input_folder),
        "ALGORITHM_OUTPUT": str(output_folder),
        "ALGORITHM_PROGRESS": str(progress),
    }


def _program(
    settings: AlgorithmSettings,
    argv: tuple[str, ...],
    identity: Identity,
    added: dict[str, str],
    private: Path | None,
) -> Program:
    environ = command.environment(
        os.environ, settings.pass_environment, identity, added=added, private=private
    )
    return Program(
        argv=argv,
        environ=environ,
        folder=None,
        identity=identity,
        memory_mb=settings.max_memory_mb or None,
        grace=settings.grace_seconds,
    )
