"""The two ways a program does tasks: exec starts it for each, invoke starts it once and calls it for each."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from longshore_runtime.algorithm_settings import AlgorithmSettings
from longshore_runtime.errors import StartError
from longshore_runtime.runners.algorithm.folders import Folders, empty
from longshore_runtime.runners.algorithm.program import command, process
from longshore_runtime.runners.algorithm.program.output import Lines
from longshore_runtime.runners.algorithm.program.process import Program
from longshore_runtime.runners.algorithm.program.users import Identity
from longshore_runtime.runners.algorithm.program.web_program import WebProgram
from longshore_runtime.runners.algorithm.request import Task


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


class Mode(Protocol):
    """How tasks are done."""

    def start(self) -> None:
        """Once, before the first task; raises TaskError, or StartError where a setting is at fault."""

    def progress_file(self, folders: Folders) -> Path:
        """Where the program may write its progress on this task."""

    def run(self, task: Task, folders: Folders, seconds: float, stop: threading.Event) -> Ran:
        """Do the task, in so many seconds at most; raises TaskError where it cannot be tried."""

    def end(self) -> None:
        """Once, after the last task."""


def choose(settings: AlgorithmSettings, identity: Identity, report: Callable[[str | None], None]) -> Mode:
    """The mode these settings ask for. Raises StartError where the program's command is malformed."""
    if settings.command is not None:
        argv = command.from_text(settings.command)
    else:
        argv = command.from_image(settings.cmd_b64j, settings.entrypoint_b64j)
    if settings.api_method == "invoke":
        return InvokeMode(settings, argv, identity, report)
    return ExecMode(settings, argv, identity)


class ExecMode:
    """The program is started for each task, and has ended when the task has."""

    def __init__(self, settings: AlgorithmSettings, argv: tuple[str, ...], identity: Identity) -> None:
        self._settings = settings
        self._argv = argv
        self._identity = identity

    def start(self) -> None:
        """Raises StartError where there is no such program: no task could do well."""
        name = self._argv[0]
        if "{" not in name and shutil.which(name, os.F_OK) is None:  # a folder in braces is known later
            variable = "ALGORITHM_COMMAND" if self._settings.command else "ALGORITHM_ENTRYPOINT_B64J"
            remedy = "Copy the program into the image, or name it by its whole path."
            raise StartError(variable, f"there is no program {name!r}.", remedy)

    def progress_file(self, folders: Folders) -> Path:
        return folders.scratch / "progress"

    def run(self, task: Task, folders: Folders, seconds: float, stop: threading.Event) -> Ran:
        lines = Lines(task.pk)
        added = _told(folders.input, folders.output, self.progress_file(folders))
        added["ALGORITHM_TASK_ID"] = task.pk
        argv = command.substituted(self._argv, folders.input, folders.output)
        program = _program(self._settings, argv, self._identity, added)
        ended = process.run(program, seconds, stop, lines)
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
        # One file for all tasks, as the program learns of it once.
        self._folder = tempfile.TemporaryDirectory(prefix="longshore-", dir=settings.work_dir)
        Path(self._folder.name).chmod(0o777)
        self._progress = Path(self._folder.name) / "progress"
        folders = (settings.input_path, settings.output_path)
        self._web = WebProgram(
            _program(
                settings, command.substituted(argv, *folders), identity, _told(*folders, self._progress)
            ),
            settings.webserver_port,
            settings.start_timeout_seconds,
            settings.health_timeout_seconds,
            report,
        )

    def start(self) -> None:
        self._web.start()

    def progress_file(self, folders: Folders) -> Path:
        return self._progress

    def run(self, task: Task, folders: Folders, seconds: float, stop: threading.Event) -> Ran:
        empty(Path(self._folder.name))  # of the last task's progress
        did = self._web.invoke(task.pk, seconds, stop)
        return Ran(did.code, did.timed_out, False, did.seconds, did.last_stderr, did.why)

    def end(self) -> None:
        self._web.stop()
        self._folder.cleanup()


def _told(input_folder: Path, output_folder: Path, progress: Path) -> dict[str, str]:
    """What a program learns from its environment."""
    return {
        "ALGORITHM_INPUT": str(input_folder),
        "ALGORITHM_OUTPUT": str(output_folder),
        "ALGORITHM_PROGRESS": str(progress),
    }


def _program(
    settings: AlgorithmSettings, argv: tuple[str, ...], identity: Identity, added: dict[str, str]
) -> Program:
    return Program(
        argv=argv,
        environ=command.environment(os.environ, settings.pass_environment, identity, added=added),
        folder=None,
        identity=identity,
        memory_mb=settings.max_memory_mb or None,
        grace=settings.grace_seconds,
    )
