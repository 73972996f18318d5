"""Descriptors 0 to 2, and the objects on them, whatever the user's code does with either.

User code in our processes closes these descriptors (as a library does that turns its process into a daemon),
puts objects of its own in the place of sys.stdout and sys.stderr, or closes those. The next socket would then
get the number of stderr, and log lines would be written into a client's connection.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sys

_STDOUT, _STDERR = 1, 2
_STANDARD = (0, _STDOUT, _STDERR)
_FIRST_OTHER = 3

_Identity = tuple[int, int]
# Of each standard descriptor: a copy, and what both are open to.
_copies: dict[int, tuple[int, _Identity]] = {}


def keep() -> None:
    """Copy the standard descriptors as they are now, for restore() and write_to_stderr().

    To be called before any code of the user's runs, and after descriptors were redirected on purpose. One
    that is closed is opened to /dev/null first.
    """
    for number in _STANDARD:
        if _identity(number) is None:
            _open_null(number)
    if sys.stdout is None:
        sys.stdout = open(_STDOUT, "w", closefd=False)  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(_STDERR, "w", closefd=False)  # noqa: SIM115
    for number in _STANDARD:
        identity = _identity(number)
        assert identity is not None  # it has just been opened
        copy, copied = _copies.get(number, (-1, None))
        if copied != identity or not _is_open(copy, identity):
            if copied is not None and _is_open(copy, copied):
                os.close(copy)
            _copies[number] = (fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, _FIRST_OTHER), identity)


def restore() -> None:
    """Open those of the standard descriptors again that are closed. One that was redirected stays."""
    for number in _STANDARD:
        if _identity(number) is None:
            copy, identity = _copies.get(number, (-1, (0, 0)))
            if _is_open(copy, identity):
                _copy_to(copy, number)
            else:
                _open_null(number)


def above_standard(descriptor: int) -> int:
    """Return a copy of a descriptor whose number is that of a standard one, and give that back.

    The caller closes nothing: the number belongs to the standard descriptor again.
    """
    copy = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _FIRST_OTHER)
    os.close(descriptor)
    restore()
    return copy


def stderr() -> int:
    """Return the descriptor to write to: the copy, or stderr itself where there is no copy any more."""
    copy, identity = _copies.get(_STDERR, (_STDERR, (0, 0)))
    return copy if _is_open(copy, identity) else _STDERR


def write_to_stderr(data: bytes) -> None:
    """Write to what stderr was at the start. Never raises: where that is closed, the data are lost."""
    copy, identity = _copies.get(_STDERR, (_STDERR, _identity(_STDERR)))
    for descriptor in (copy, _STDERR):
        # Who closed the copy may have given its number, or stderr's, to something else.
        if identity is not None and _is_open(descriptor, identity):
            with contextlib.suppress(OSError):
                while data:
                    data = data[os.write(descriptor, data) :]
                return


def give_back_streams() -> None:
    """Put Python's own sys.stdout and sys.stderr back, after flushing those in their place.

    Python flushes them when it exits, and exits with code 120 where that fails.
    """
    for name in ("stdout", "stderr"):
        with contextlib.suppress(Exception):
            getattr(sys, name).flush()
        setattr(sys, name, getattr(sys, f"__{name}__"))


def _identity(descriptor: int) -> _Identity | None:
    """What a descriptor is open to; None where it is closed."""
    try:
        status = os.fstat(descriptor)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _is_open(descriptor: int, identity: _Identity) -> bool:
    return _identity(descriptor) == identity


def _open_null(number: int) -> None:
    """Open /dev/null under this number, which is closed."""
    opened = os.open(os.devnull, os.O_RDWR)
    if opened == number:
        os.set_inheritable(number, True)
    else:
        _copy_to(opened, number)
        os.close(opened)


def _copy_to(descriptor: int, number: int) -> None:
    """Copy a descriptor to this number, if no other thread has opened something there by now."""
    copy = fcntl.fcntl(descriptor, fcntl.F_DUPFD, number)
    if copy != number:
        os.close(copy)
