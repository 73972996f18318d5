"""Which program a training job runs, and how it is started."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from longshore_runtime import code_folder
from longshore_runtime.errors import StartError
from longshore_runtime.settings import Settings
from longshore_runtime.training.inputs import Inputs


@dataclass(frozen=True)
class Program:
    """A program of the user's.

    Attributes:
        folder: the folder it was looked for in. It runs there, as with AWS's training toolkit.
        name: its path in there, src/train.py for example.
    """

    folder: Path
    name: str

    @property
    def file(self) -> Path:
        """The program's own path."""
        return self.folder / self.name


def find(settings: Settings, inputs: Inputs, program_dir: Path) -> Program | None:
    """The program SAGEMAKER_PROGRAM names, or else the hyperparameter sagemaker_program; None without both.

    It is looked for in the submit directory (SAGEMAKER_SUBMIT_DIRECTORY, or else the hyperparameter
    sagemaker_submit_directory), then in ml_root/code, then in program_dir. Raises StartError where
    it is in none of them, and where the submit directory is an address: nothing here fetches code.
    """
    submitted = str(settings.submit_directory or inputs.platform.get("sagemaker_submit_directory") or "")
    submitted = submitted.removeprefix("file://")
    if "://" in submitted:
        raise StartError(
            "sagemaker_submit_directory",
            f"{submitted} is an address, and this container does not fetch code.",
            "Put the code into the image, or give it a channel and name that folder,"
            f" {settings.ml_root}/input/data/CHANNEL, in SAGEMAKER_SUBMIT_DIRECTORY.",
        )
    name = settings.program or inputs.platform.get("sagemaker_program")
    if not name:
        return None
    folders = [code_folder.unpacked(Path(submitted), None)] if submitted else []
    folders += [settings.ml_root / "code", program_dir]
    for folder in folders:
        for file_name in code_folder.names(str(name)):
            if (folder / file_name).is_file():
                return _program(folder.absolute(), (folder / file_name).absolute())
    raise StartError(
        f"SAGEMAKER_PROGRAM '{name}'",
        f"there is no such file in {', '.join(map(str, folders))}.",
        "Put the program into one of them, or name the one you mean.",
    )


def _program(folder: Path, file: Path) -> Program:
    if file.is_relative_to(folder) and ".." not in file.parts:
        return Program(folder, file.relative_to(folder).as_posix())
    return Program(file.parent, file.name)


def command(file: Path) -> list[str]:
    """How to start it: .py with this Python, .sh with its own #! line or else /bin/sh, all else as it is."""
    executable = os.access(file, os.X_OK)
    if file.suffix == ".py":
        return [sys.executable, str(file)]
    if file.suffix == ".sh" and not (executable and _has_interpreter_line(file)):
        return ["/bin/sh", str(file)]
    if not executable:
        raise StartError(str(file), "it is not executable.", f"Run: chmod +x {file}")
    return [str(file)]


def _has_interpreter_line(file: Path) -> bool:
    with file.open("rb") as opened:
        return opened.read(2) == b"#!"
