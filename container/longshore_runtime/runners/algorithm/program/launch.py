"""Starts a program as a child process, as somebody else and with less memory where asked; or says why not.

The memory limit is one the kernel holds for each process. Setting it from here just after the start would
leave a moment in which the program may start others without it; a function between fork and exec is
unsafe where threads run; and an image may have no shell. So with a limit a small Python program starts
first, limits itself, and becomes the program. That costs 10 ms, without a limit nothing.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import marshal
import os
import platform
import resource
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from longshore_runtime.runners.algorithm.outcome import Reason, TaskError
from longshore_runtime.runners.algorithm.program.users import Identity, hint

_PR_SET_NO_NEW_PRIVS = 38
_libc = ctypes.CDLL(None)

# After setgroups it imports nothing more: the new user may not be able to read Python's files. So it calls
# execve itself, as os.execvpe imports. _signal, because the public module takes as long as all the rest.
_LIMITED = """
import _signal, errno, marshal, os, resource, sys
status, paths, argv, environ, limit, uid, gid, groups = marshal.load(sys.stdin.buffer)
os.set_inheritable(status, False)  # so that its end tells of the exec
os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
for number in (_signal.SIGPIPE, _signal.SIGXFSZ):  # ignored by Python
    _signal.signal(number, _signal.SIG_DFL)
try:
    if groups is not None:
        os.setgroups(groups)
    if gid is not None:
        os.setregid(gid, gid)
    if uid is not None:
        os.setreuid(uid, uid)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    why_not = errno.ENOENT
    for path in paths:
        try:
            os.execve(path, argv, environ)
        except OSError as error:
            if why_not == errno.ENOENT and error.errno != errno.ENOTDIR:
                why_not = error.errno
except (OSError, MemoryError) as error:
    why_not = getattr(error, "errno", errno.ENOMEM)
os.write(status, b"%d" % why_not)
"""


def launch(
    argv: tuple[str, ...],
    environ: Mapping[str, str],
    folder: Path | None,
    identity: Identity,
    memory_mb: int | None,
) -> subprocess.Popen[bytes]:
    """The running program: a session and group of its own, nothing on stdin, pipes for stdout and stderr.

    memory_mb: the data of each of its processes, in MiB. argv[0] is looked up in the PATH of environ.
    Raises TaskError (START).
    """
    # The child has this thread's signal mask, and must hear SIGTERM.
    blocked = signal.pthread_sigmask(signal.SIG_SETMASK, ())
    if identity.confined:  # of this thread, for good; the child inherits it, and so does all that it starts
        _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    try:
        if memory_mb is not None:
            return _launch_limited(argv, environ, folder, identity, memory_mb << 20)
        return subprocess.Popen(
            argv,
            env=environ,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            user=identity.uid,
            group=identity.gid,
            extra_groups=identity.groups,
        )
    except ValueError:  # a NUL, or a lone surrogate
        raise _failure(argv, "its arguments or its environment hold a character that none can hold") from None
    except OSError as error:
        raise _failure(argv, _why(error, argv[0], environ, folder, identity)) from None
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


def _launch_limited(
    argv: tuple[str, ...], environ: Mapping[str, str], folder: Path | None, identity: Identity, limit: int
) -> subprocess.Popen[bytes]:
    """Raises what Popen does."""
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    limit = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
    reading, writing = os.pipe()
    try:
        orders = marshal.dumps(
            (
                writing,
                [_bytes(path) for path in _paths(argv[0], environ)],
                [_bytes(argument) for argument in argv],
                {_bytes(name): _bytes(value) for name, value in environ.items()},
                limit,
                identity.uid,
                identity.gid,
                identity.groups,
            )
        )
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _LIMITED],
            cwd=folder,
            env={},  # ours has credentials, which a program of the same user could read
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            pass_fds=[writing],
        )
    except BaseException:
        os.close(reading)
        raise
    finally:
        os.close(writing)
    with os.fdopen(reading, "rb") as status:
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError), process.stdin as stdin:
            stdin.write(orders)
        number = status.read()  # ends with the exec, or with the process
    if not number:
        return process
    with process:  # waits for its end and closes the pipes
        raise OSError(int(number), os.strerror(int(number)), argv[0])


def _bytes(text: str) -> bytes:
    if "\0" in text:
        raise ValueError
    return os.fsencode(text)


def _failure(argv: tuple[str, ...], why: str) -> TaskError:
    return TaskError(Reason.START, f"The program {argv[0]:.200} cannot be started: {why}.")


def _why(
    error: OSError, program: str, environ: Mapping[str, str], folder: Path | None, identity: Identity
) -> str:
    who = f"user {os.geteuid() if identity.uid is None else identity.uid}"
    if folder is not None and error.filename == folder:
        return f"its working folder {folder} cannot be entered ({error.strerror})"
    if error.errno in (errno.EPERM, errno.EINVAL):
        group = "" if identity.gid is None else f" with group {identity.gid}"
        return f"the server may not become {who}{group}: the container must run as root for that"
    if error.errno == errno.E2BIG:
        return "its arguments and environment are longer than Linux takes: hand long ones over in a file"
    path = _found(program, environ, folder)
    if error.errno == errno.ENOENT and path is None:
        return "there is no such file" if "/" in program else f"it is not in {os.get_exec_path(environ)}"
    if error.errno == errno.ENOENT:
        return _why_incomplete(_first_line(path))
    if error.errno == errno.EACCES and path is not None and path.is_dir():
        return "it is a folder"
    if error.errno == errno.EACCES and path is not None and not path.stat().st_mode & 0o111:
        return "the file is not executable: add `RUN chmod a+x` to the Dockerfile"
    if error.errno == errno.EACCES:
        look = "look at the permissions of the file, its folders and its interpreter"
        return f"{who} may not run it: {look}{hint(identity)}"
    if error.errno == errno.ENOEXEC and _first_line(path).startswith(b"\x7fELF"):
        return f"it is broken, or built for another processor than this {platform.machine()}"
    if error.errno == errno.ENOEXEC:
        return "a script must begin with a line such as #!/bin/sh, and nothing before it"
    return error.strerror or str(error)


def _why_incomplete(first_line: bytes) -> str:
    """What is missing where the file itself is there."""
    if not first_line.startswith(b"#!"):
        return "the loader it is linked with is not there: it was built for another system (glibc or musl)"
    interpreter = first_line[2:].rstrip(b"\n").decode(errors="backslashreplace").strip(" ")
    if interpreter.endswith("\r"):
        return "its first line ends as on Windows (CRLF): save it with Unix line ends"
    return f"its first line asks for {interpreter}, which is not there"


def _paths(program: str, environ: Mapping[str, str]) -> list[str]:
    """What is tried, in this order; relative ones from the folder it starts in."""
    folders = [""] if "/" in program else os.get_exec_path(environ)
    return [os.path.join(place, program) for place in folders]  # noqa: PTH118  # "./" must stay


def _found(program: str, environ: Mapping[str, str], folder: Path | None) -> Path | None:
    """The file that was tried."""
    paths = (Path(folder or "", path) for path in _paths(program, environ))
    return next((path for path in paths if os.path.exists(path)), None)  # noqa: PTH110  # it never raises


def _first_line(path: Path | None) -> bytes:
    with contextlib.suppress(OSError):
        if path is not None:
            with path.open("rb") as file:
                return file.readline(256)
    return b""
