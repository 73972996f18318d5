"""What a task's own user leaves outside the task's folders: found by its owner, and removed.

So the next task neither reads it nor stumbles over it, and the disk does not fill up. Only the places where
any user may write on every Linux are looked at, and of those only what lies there directly.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path

from longshore_runtime import logs
from longshore_runtime.runners.algorithm import emptying
from longshore_runtime.runners.algorithm.program.users import Identity

log = logs.get("task")

# The third holds POSIX shared memory and semaphores, the fourth POSIX message queues.
_OPEN_TO_ALL = ("/tmp", "/var/tmp", "/dev/shm", "/dev/mqueue", "/run/lock")  # to look there


def remove(identity: Identity, keep: Iterable[Path] = ()) -> None:
    """Remove all that a task's own user has left, but the folders `keep`; what cannot be removed is logged.

    No process of that user runs any more.
    """
    user = identity.alone
    if user is None:
        return
    for place in {*map(Path, _OPEN_TO_ALL), Path(tempfile.gettempdir())}:
        try:
            emptying.remove_owned(place, user.id, keep)
        except OSError as error:
            log.error("what the task has left in %s could not be removed: %s", place, error)
    user.remove_ipc()
