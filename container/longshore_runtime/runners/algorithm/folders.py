"""The folders of one task: made before it, removed or emptied after it, whatever it has left there.

Two layouts. `own`: a new folder for each task, handed to the program, so that tasks run side by side.
`fixed`: the program insists on /input and /output, say, and one task runs at a time.
"""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from longshore_runtime import logs
from longshore_runtime.runners.algorithm.emptying import FOLDER, empty
from longshore_runtime.runners.algorithm.outcome import Reason, TaskError
from longshore_runtime.runners.algorithm.program.users import Identity

log = logs.get("task")

_FULL = (errno.ENOSPC, errno.EDQUOT)
_OPENED_MAX = 4095  # bytes of a path that Linux opens


@dataclass(frozen=True)
class Folders:
    """input, output: the paths given to the program. fill: the input folder by its real name, for us to fill.

    scratch: the program may write there, its progress for one; nothing of it is stored. root: above
    scratch, for what we keep during the task; the program cannot write there.
    """

    input: Path
    output: Path
    fill: Path
    scratch: Path
    root: Path


@contextmanager
def own(work_dir: Path, identity: Identity) -> Iterator[Folders]:
    """New folders below work_dir, removed at the end. Raises TaskError where they cannot be made."""
    with fixed(work_dir, None, None, None, identity) as made:
        yield made


@contextmanager
def fixed(
    work_dir: Path,
    input_path: Path | None,
    output_path: Path | None,
    linked_parent: Path | None,
    identity: Identity,
) -> Iterator[Folders]:
    """input_path and output_path, emptied before and after the task; scratch below work_dir.

    None for either: a new folder below work_dir, removed at the end. With linked_parent, input_path becomes a
    link to a new folder there for the time of the task, where it can: a mounted volume cannot, and is used as
    it is. A link or a file that lies in the place of either is removed. Raises TaskError where the folders
    cannot be made ready.
    """
    with ExitStack() as stack:
        root, scratch = _root(work_dir, identity, stack)
        with _told(f"The output folder {output_path or ''} could not be made ready"):
            output = _made_or_emptied(output_path, root / "output", stack)
            _writable(output, identity)
        with _told(f"The input folder {input_path or ''} could not be made ready"):
            fill = inputs = _made_or_emptied(input_path, root / "input", stack)
            if input_path is not None and linked_parent is not None:
                fill = _linked(input_path, linked_parent)
            if fill != inputs:
                stack.callback(_afterwards, _remove, fill)
            _readable(fill)
        yield Folders(input=inputs, output=output, fill=fill, scratch=scratch, root=root)


def _made_or_emptied(path: Path | None, new: Path, stack: ExitStack) -> Path:
    if path is None:
        new.mkdir()
        return new
    _make_empty(path)
    stack.callback(_afterwards, _make_empty, path)
    return path


def place(input_folder: Path, relative_path: str, before_making: Callable[[], None] = lambda: None) -> Path:
    """Make the folders that relative_path, as request.py has checked it, needs below input_folder.

    Returns the path of the file to be. Raises TaskError where a file or a link is in the way.
    before_making: called before each folder that is made; it may raise.
    """
    target = input_folder / relative_path
    if len(os.fsencode(target)) > _OPENED_MAX:
        raise TaskError(
            Reason.INPUT, f"The path of the input {relative_path!r} is too long for this machine."
        )
    *parents, _ = relative_path.split("/")
    try:
        fd = os.open(input_folder, os.O_RDONLY | FOLDER)
        try:
            for name in parents:
                inner = _entered(name, fd, before_making)
                os.close(fd)
                fd = inner
        finally:
            os.close(fd)
    except OSError as error:
        if error.errno in _FULL:
            raise TaskError(Reason.DISK, f"The disk is full at the input {relative_path!r}.") from None
        raise TaskError(
            Reason.INPUT,
            f"The folder of the input {relative_path!r} cannot be made: {error.filename}: {error.strerror}.",
        ) from None
    return target


def _entered(name: str, parent: int, before_making: Callable[[], None]) -> int:
    """A descriptor of the folder of this name, made where it is not there."""
    with suppress(FileNotFoundError):
        return os.open(name, os.O_RDONLY | FOLDER, dir_fd=parent)
    before_making()
    os.mkdir(name, 0o755, dir_fd=parent)
    return os.open(name, os.O_RDONLY | FOLDER, dir_fd=parent)


def _root(work_dir: Path, identity: Identity, stack: ExitStack) -> tuple[Path, Path]:
    """A new folder for this task, removed when the stack unwinds, and its scratch folder."""
    with _told("The task's folders could not be made"):
        work_dir.mkdir(parents=True, exist_ok=True)
        root = Path(tempfile.mkdtemp(prefix="task-", dir=work_dir))
        stack.callback(_afterwards, _remove, root)
        if identity.alone is not None:  # nobody else, and no other task, gets in
            os.chown(root, -1, identity.alone.id)
            root.chmod(0o750)
        elif os.geteuid() == 0:  # else the program is of our own user, and nobody else has to get in
            root.chmod(0o755)
        scratch = root / "scratch"
        scratch.mkdir()
        _writable(scratch, identity)
    return root, scratch


def _linked(input_path: Path, linked_parent: Path) -> Path:
    """Make the empty folder input_path a link to a new one; returns what is to be filled."""
    folder = None
    try:
        linked_parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(suffix="-input", dir=linked_parent))
        input_path.rmdir()
        input_path.symlink_to(folder)
    except OSError as error:  # a mounted volume, or a folder above it that is not ours
        log.info("%s is used as it is, not as a link: %s", input_path, error.strerror)
        if folder is not None:
            folder.rmdir()
        input_path.mkdir(exist_ok=True)
        return input_path
    return folder


def _make_empty(path: Path) -> None:
    """Make path an empty folder, whatever lies there."""
    with suppress(FileNotFoundError):
        if not stat.S_ISDIR(path.lstat().st_mode):
            path.unlink()
    path.mkdir(parents=True, exist_ok=True)
    empty(path)


def _remove(folder: Path) -> None:
    empty(folder)
    folder.rmdir()


def _readable(folder: Path) -> None:
    with suppress(PermissionError):  # somebody else's, a volume for example
        folder.chmod(0o755)


def _writable(folder: Path, identity: Identity) -> None:
    """Let the program write there: by making it the owner where we can, else by letting everybody."""
    mode = 0o777
    if os.geteuid() == 0 and identity.owner is not None:
        with suppress(PermissionError):  # a volume that knows no owners
            os.chown(folder, *identity.owner, follow_symlinks=False)
            mode = 0o755
    try:
        folder.chmod(mode)
    except PermissionError:  # not ours, which is fine where we can write all the same
        if not os.access(folder, os.W_OK | os.X_OK):
            raise


@contextmanager
def _told(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        log.error("%s: %s", what, error)
        reason = Reason.DISK if error.errno in _FULL else Reason.INTERNAL
        raise TaskError(reason, f"{what}: {error.strerror}.") from None


def _afterwards(clean: Callable[[Path], None], folder: Path) -> None:
    """The task has ended as it has: what cannot be cleaned is logged, and the next task finds it."""
    try:
        clean(folder)
    except OSError as error:
        log.error("%s could not be cleaned up after the task: %s", folder, error)
