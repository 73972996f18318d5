"""How far programs are kept from the server and from each other: decided once, at the start.

Where the server is root, each task's program is a user that no other task ever is (task_users.py). Otherwise,
or where ALGORITHM_USER asks for one user, programs share one: what they leave running is found by descent.
docs/algorithm.md lists what each of the two contains.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pwd
import resource

from longshore_runtime import home, logs, machine
from longshore_runtime.algorithm_settings import AlgorithmSettings
from longshore_runtime.runners.algorithm.outcome import Reason, TaskError
from longshore_runtime.runners.algorithm.program import task_users, users
from longshore_runtime.runners.algorithm.program.members import SharedMembers
from longshore_runtime.runners.algorithm.program.task_users import TaskUsers
from longshore_runtime.runners.algorithm.program.users import Identity

log = logs.get("task")

_LEFT_TO_THE_SERVER = 200  # processes and threads
_LEAST_PROCESSES = 100


class Containment:
    """Who programs run as. identity() may be called from several threads."""

    def __init__(self, settings: AlgorithmSettings) -> None:
        """Raises StartError where ALGORITHM_USER names nobody, or cannot be."""
        asked = users.parse(settings.user, settings.set_extra_groups)
        self._concurrency = settings.concurrency
        self._asked = dataclasses.replace(asked, confined=asked.uid != 0)
        self._shared_because = self._why_shared(settings)
        self._task_users = None if self._shared_because else TaskUsers()
        if self._task_users is not None:
            self._asked = _without_ours(self._asked)

    def start(self) -> None:
        """Before the first program: contain what can be contained, and log what cannot."""
        if self._task_users is None:
            SharedMembers.adopt_orphans()
            log.warning(
                "tasks share one user: %s (docs/algorithm.md, What is contained)", self._shared_because
            )
        else:
            _limit_processes(self._concurrency)
            kept = "" if self._asked.uid is None else ", with the group and HOME of ALGORITHM_USER"
            log.info("each task runs as a user of its own%s", kept)

    def identity(self) -> Identity:
        """The user of the next task. Raises TaskError where there is none left."""
        if self._task_users is None:
            return self._asked
        try:
            alone = self._task_users.new()
        except OSError as error:
            raise TaskError(Reason.INTERNAL, f"The program cannot be started: {error.strerror}.") from None
        asked = self._asked
        gid = alone.id if asked.gid is None else asked.gid
        groups = (*(asked.groups or ()), alone.id)
        return dataclasses.replace(asked, uid=alone.id, gid=gid, groups=groups, alone=alone)

    def owner(self) -> tuple[int, int] | None:
        """Who owns what the start unpacks; None for ourselves: every task reads it, and none writes it."""
        return self._asked.owner if self._task_users is None else None

    def may_be_program(self, uid: int) -> bool:
        """Whether a process of this user may be a program."""
        return uid == self._asked.uid if self._task_users is None else uid in self._task_users.ids

    @property
    def tells_programs_apart(self) -> bool:
        """Whether programs are users that the server is not, nor its clients on this machine."""
        return self._task_users is not None or (os.geteuid() == 0 and self._asked.uid not in (None, 0))

    def _why_shared(self, settings: AlgorithmSettings) -> str | None:
        uid = self._asked.uid
        if uid == 0:
            return f"{users.VARIABLE} asks for root"
        if (why_not := task_users.why_not()) is not None:
            return why_not
        if uid is None or settings.concurrency > 1 or uid in [entry.pw_uid for entry in _ours()]:
            return None
        return f"{users.VARIABLE} names it"


def _ours() -> list[pwd.struct_passwd]:
    """The users that nginx's workers may be: a program that is one could trace them and use their sockets."""
    found = []
    for name in home.UNPRIVILEGED_USERS:
        with contextlib.suppress(KeyError):
            found.append(pwd.getpwnam(name))
    return found


def _without_ours(identity: Identity) -> Identity:
    """Without nginx's user and group, which have sockets that programs must not use."""
    if identity.uid in [entry.pw_uid for entry in _ours()]:
        return Identity(confined=True)
    gids = [entry.pw_gid for entry in _ours()]
    groups = tuple(gid for gid in identity.groups or () if gid not in gids)
    gid = None if identity.gid in gids else identity.gid
    return dataclasses.replace(identity, gid=gid, groups=groups)


def _limit_processes(tasks: int) -> None:
    """Keep tasks' users from taking every process there is; root, which we are, has no such limit."""
    most = machine.processes()
    _, hard = resource.getrlimit(resource.RLIMIT_NPROC)
    if most is None:
        return
    limit = max(_LEAST_PROCESSES, (most - _LEFT_TO_THE_SERVER) // tasks)
    if hard == resource.RLIM_INFINITY or limit < hard:
        resource.setrlimit(resource.RLIMIT_NPROC, (limit, limit))
