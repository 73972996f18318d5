"""stdout and stderr, which nginx, gunicorn and the supervisor share.

nginx opens its access log, /dev/stdout, by name: it gets a file description of its own, or none at all.
"""

from __future__ import annotations

import fcntl
import os
import stat


def append_to_files() -> None:
    """Where stdout or stderr is a file, let every writer append, who would else overwrite the others."""
    for stream in (1, 2):
        if stat.S_ISREG(os.fstat(stream).st_mode):
            flags = fcntl.fcntl(stream, fcntl.F_GETFL)
            fcntl.fcntl(stream, fcntl.F_SETFL, flags | os.O_APPEND)


def stdout_can_be_opened() -> bool:
    """Whether /dev/stdout can be opened by name: not where it is a socket, or belongs to another user."""
    try:
        os.close(os.open("/dev/stdout", os.O_WRONLY | os.O_APPEND))
    except OSError:
        return False
    return True
