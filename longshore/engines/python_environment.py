"""A disposable Python environment for one program of the host engine: what `pip install` adds ends with it.

A virtualenv in the program's temporary folder. It starts empty; a .pth file adds the packages of the
environment that the program would have used, whose console scripts are copied to run in this one.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from longshore.engines.checkout import Programs

_PROGRAMS = ("train", "serve")  # of an image that is a folder
_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"  # as in most images
_INTERPRETER = re.compile(r"python(3(\.\d+)?)?$")
_VERSION = re.compile(r"^python(3\.\d+)$")
_SHEBANG_BYTES_MAX = 127  # older kernels cut off the rest
# How pip and uv write a first line whose path is too long or relative.
_LONG_PATH, _LONG_PATH_END = b"#!/bin/sh\n'''exec'", b"' '''\n"
_HEAD_BYTES = 256
_PARENT = "_longshore_parent.pth"
_INSTALLERS = ("pip", "pip3", "pip{version}")
_RUN_PIP = "import sys\nfrom pip._internal.cli.main import main\nsys.exit(main())\n"


@dataclass(frozen=True)
class Parent:
    """The environment that a program would use.

    Attributes:
        folder: Where its interpreter is.
        version: Of Python, "3.11".
        virtualenv: The root of the virtualenv; None for an installation of Python itself.
    """

    folder: Path
    version: str
    virtualenv: Path | None

    @property
    def configuration(self) -> str:
        """The pyvenv.cfg of an environment beside it."""
        if self.virtualenv is not None:
            return (self.virtualenv / "pyvenv.cfg").read_text()
        home = (self.folder / "python3").resolve().parent
        return f"home = {home}\ninclude-system-site-packages = true\nversion = {self.version}\n"

    @property
    def script_folders(self) -> list[Path]:
        """Where its console scripts are, the last of a name first."""
        if self.virtualenv is not None:
            return [self.folder]
        return [folder for folder in (self.folder, Path("/usr/local/bin")) if folder.is_dir()]

    @property
    def packages(self) -> list[Path]:
        """Its site-packages; those of an installation are seen as the system's."""
        if self.virtualenv is None:
            return []
        folders = {
            (self.virtualenv / lib / f"python{self.version}/site-packages").resolve(): None
            for lib in ("lib", "lib64")
        }
        return [folder for folder in folders if folder.is_dir()]


@dataclass(frozen=True)
class Environment:
    """A virtualenv laid over its parent.

    Attributes:
        folder: The virtualenv.
        parent: Where its packages come from.
    """

    folder: Path
    parent: Parent

    @property
    def bin(self) -> Path:
        return self.folder / "bin"

    def command(self, argv: Sequence[str], search: str) -> list[str]:
        """Return the command with this environment's interpreter for the parent's, which a program's first
        line may name.

        Args:
            argv: The command.
            search: The PATH on which its program is found.
        """
        # A relative path is one below the folder that the program starts in, not ours.
        is_relative = "/" in argv[0] and not argv[0].startswith("/")
        program = None if is_relative else shutil.which(argv[0], path=search)
        if program is None:
            return [*argv]
        interpreter, *options = _shebang(Path(program)) or [""]
        path = Path(interpreter)
        if path.parent.resolve() != self.parent.folder.resolve() or not (self.bin / path.name).exists():
            return [*argv]
        return [str(self.bin / path.name), *options, program, *argv[1:]]


def make_for(programs: Programs, argv: Sequence[str], folder: Path) -> Environment | None:
    """Make the environment of a command; None where there is no Python.

    Args:
        programs: Where its program is.
        argv: The command.
        folder: The virtualenv, which does not exist yet.
    """
    search = search_path(programs, None)
    # A job's own entrypoint, as the SageMaker SDKs' /bin/bash, still runs in the image's environment.
    named = [shutil.which(argv[0], path=search), *(programs.entrypoint or _PROGRAMS)]
    candidates = [programs.folder / program for program in named if program is not None]
    parent = _parent(candidates, map(Path, search.split(":")[1:]))
    return None if parent is None else _make(folder, parent)


def search_path(programs: Programs, python: Environment | None) -> str:
    """Return the PATH of a program: the project's programs, its Python environment, the system's."""
    folders = [programs.folder, programs.virtualenv]
    if python is not None:
        # Where the programs are a virtualenv's scripts, the copies of them come first.
        at = 0 if python.parent.folder == programs.folder else 1
        folders[at:at] = [python.bin, python.parent.folder] if python.parent.virtualenv else [python.bin]
    return ":".join([*map(str, dict.fromkeys(folders)), _SYSTEM_PATH])


def _parent(programs: Iterable[Path], search: Iterable[Path]) -> Parent | None:
    """Return the environment that a program uses.

    Args:
        programs: The first whose first line names a virtualenv's interpreter chooses that virtualenv.
        search: Else that of the first interpreter in these folders.
    """
    for program in programs:
        interpreter, *_ = _shebang(program) or [""]
        if _INTERPRETER.search(interpreter) and (Path(interpreter).parent.parent / "pyvenv.cfg").is_file():
            search = [Path(interpreter).parent, *search]
            break
    folder = next((folder for folder in search if os.access(folder / "python3", os.X_OK)), None)
    # A wrapper script, as version managers have it, chooses the interpreter by itself.
    if folder is None or _shebang(folder / "python3") is not None:
        return None
    beside = folder.parent
    version = _VERSION.match((folder / "python3").resolve().name)
    if version is None:
        return None
    return Parent(folder, version[1], beside if (beside / "pyvenv.cfg").is_file() else None)


def _make(folder: Path, parent: Parent) -> Environment:
    """Make a virtualenv, which everyone may read, in a folder that does not exist yet."""
    made = Environment(folder, parent)
    packages = folder / "lib" / f"python{parent.version}" / "site-packages"
    packages.mkdir(parents=True)
    made.bin.mkdir()
    (folder / "lib64").symlink_to("lib")
    (folder / "pyvenv.cfg").write_text(parent.configuration)
    paths = "".join(f"import site; site.addsitedir({str(path)!r})\n" for path in parent.packages)
    (packages / _PARENT).write_text(paths)
    for name in ("python", "python3", f"python{parent.version}"):
        (made.bin / name).symlink_to((parent.folder / "python3").absolute())
    for scripts in parent.script_folders:
        for name, text in _scripts(scripts, parent.folder).items():
            _write(made.bin / name, made.bin / "python3", text)
    for name in _INSTALLERS:
        _write(made.bin / name.format(version=parent.version), made.bin / "python3", _RUN_PIP.encode())
    # Whatever the umask: workers of a server that runs as root become another user.
    for path in (folder, folder / "lib", packages.parent, packages, made.bin):
        path.chmod(0o755)
    for file in (folder / "pyvenv.cfg", packages / _PARENT):
        file.chmod(0o644)
    return made


def give_to(made: Environment, user: int, group: int) -> None:
    """Let a user install into it."""
    for path in (made.folder, *made.folder.rglob("*")):
        os.chown(path, user, group, follow_symlinks=False)


def _shebang(file: Path) -> list[str] | None:
    """The words of a script's first line; None if it is not a script."""
    head = _head(file)
    if not head.startswith(b"#!"):
        return None
    return os.fsdecode(head[2:].split(b"\n", 1)[0]).split(None, 1) or None


def _head(file: str | Path) -> bytes:
    try:
        opened = os.open(file, os.O_RDONLY)
    except OSError:
        return b""
    try:
        return os.read(opened, _HEAD_BYTES)
    finally:
        os.close(opened)


def _scripts(folder: Path, interpreters: Path) -> dict[str, bytes]:
    """The Python console scripts in a folder, without their first lines, by name.

    Args:
        folder: Where they are.
        interpreters: The folder of the interpreter that their first lines name.
    """
    found = {}
    first_line = os.fsencode(f"#!{interpreters}/python")
    for entry in os.scandir(folder):
        if not entry.is_file() or _INTERPRETER.match(entry.name):
            continue
        head = _head(entry.path)
        if head.startswith(_LONG_PATH):
            found[entry.name] = Path(entry.path).read_bytes().partition(_LONG_PATH_END)[2]
        elif head.startswith(first_line):
            found[entry.name] = Path(entry.path).read_bytes().partition(b"\n")[2]
    return found


def _write(script: Path, interpreter: Path, text: bytes) -> None:
    line = b"#!" + os.fsencode(interpreter) + b"\n"
    if len(line) > _SHEBANG_BYTES_MAX:
        line = _LONG_PATH + b' "' + os.fsencode(interpreter) + b'" "$0" "$@"\n' + _LONG_PATH_END
    script.write_bytes(line + text)
    script.chmod(0o755)
