"""What the gunicorn processes tell the supervisor: one small datagram each, over a unix socket.

From a worker: WorkerReady, LoadFailed, WorkerHealth, WorkerDrained. From gunicorn's master, which sees
the death of a worker whatever killed it: WorkerGone, WorkerDied, StartFailed, CrashLoop.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import pwd
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import get_args, get_type_hints

from longshore_runtime import logs
from longshore_runtime.errors import StartError
from longshore_runtime.serving import metrics_page

log = logs.get("serve")

SOCKET_NAME = "events.sock"
LOAD_FAILED_CODE = 3  # gunicorn's own exit code for a worker that is not to be started again
_FOLDER_MAX = 107 - len("/g123456/predictor.sock")  # bytes: the kernel's limit, less the longest of our names
_MESSAGE_MAX = 30_000  # characters: a datagram holds about 200 KB, and JSON may make six bytes of one


@dataclass(frozen=True)
class WorkerReady:
    """A worker has loaded and takes requests.

    seconds: how long its load took; model_seconds: that of the model it serves, which may be the master's.
    """

    pid: int
    seconds: float
    model_seconds: float


@dataclass(frozen=True)
class LoadFailed:
    """A worker could not load, and exits. message: for the person who wrote what it loads."""

    pid: int
    message: str


@dataclass(frozen=True)
class StartFailed:
    """A worker could not start after others had been ready; another one is started later."""


@dataclass(frozen=True)
class WorkerGone:
    """A worker has ended, for whatever reason."""

    pid: int


@dataclass(frozen=True)
class WorkerDied:
    """A worker has ended that nobody had told to. cause: one of metrics_page.CAUSES."""

    pid: int
    cause: str

    def __post_init__(self) -> None:
        if self.cause not in metrics_page.CAUSES:
            raise ValueError(self.cause)


@dataclass(frozen=True)
class WorkerHealth:
    """What a loaded worker depends on has failed (why_not says what), or works again (None)."""

    pid: int
    why_not: str | None


@dataclass(frozen=True)
class WorkerDrained:
    """Nothing runs in this worker any more, and nothing will: the server is stopping."""

    pid: int


@dataclass(frozen=True)
class CrashLoop:
    """Workers do nothing but die: stop. exit_code: what to exit with; message: why, in a line."""

    exit_code: int
    message: str


Event = (
    WorkerReady
    | LoadFailed
    | StartFailed
    | WorkerGone
    | WorkerDied
    | WorkerHealth
    | WorkerDrained
    | CrashLoop
)
_KINDS: dict[str, type[Event]] = {kind.__name__: kind for kind in get_args(Event)}
_TYPES = {kind: get_type_hints(kind) for kind in _KINDS.values()}


def refuse_long_path(run_dir: Path) -> None:
    """Say so where unix sockets cannot stand in this folder, because the kernel takes no path this long."""
    if len(os.fsencode(run_dir)) > _FOLDER_MAX:
        raise StartError(
            "TMPDIR",
            f"sockets in {run_dir} would have too long a path.",
            f"Set TMPDIR to a folder whose path has at most {_FOLDER_MAX - 20} characters.",
        )


class Receiver:
    """The supervisor's end. Bound before any child starts, so that no event can come too early.

    user: who gunicorn's processes are, None where they are who we are. No other user but root may send.
    """

    def __init__(self, run_dir: Path, user: pwd.struct_passwd | None = None) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        path = run_dir / SOCKET_NAME
        self._socket.bind(str(path))
        path.chmod(0o600)
        if user is not None:
            os.chown(path, user.pw_uid, user.pw_gid)
        self._socket.setblocking(False)
        self._told = False

    def close(self) -> None:
        self._socket.close()

    def fileno(self) -> int:
        return self._socket.fileno()

    def receive(self) -> list[Event]:
        """All events that wait, in the order they were sent."""
        events: list[Event] = []
        while True:
            try:
                datagram = self._socket.recv(1 << 18)
            except BlockingIOError:
                return events
            try:
                events.append(_read(datagram))
            except ValueError:
                self._tell_of_no_event(datagram)

    def _tell_of_no_event(self, datagram: bytes) -> None:
        """Once: the model's code, which may send here, too, must not fill the log."""
        if not self._told:
            self._told = True
            log.warning(
                "%s got what is no event: %.100r. This and all such are ignored; see that the model's code"
                " leaves this socket alone.",
                SOCKET_NAME,
                datagram,
            )


def _read(datagram: bytes) -> Event:
    """The event that was sent; ValueError where this is none."""
    try:
        fields = json.loads(datagram)
        kind = _KINDS[fields.pop("kind")]
        event = kind(**fields)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError("no event") from error
    if not all(isinstance(getattr(event, name), of) for name, of in _TYPES[kind].items()):
        raise ValueError("no event: a field of another type")
    return event


def send(run_dir: Path, event: Event) -> None:
    """Tell the supervisor. Where it is no longer there, there is nobody to tell, and that is no error."""
    if isinstance(event, LoadFailed) and len(event.message) > _MESSAGE_MAX:
        event = LoadFailed(event.pid, "[...]\n" + event.message[-_MESSAGE_MAX:])
    payload = json.dumps({"kind": type(event).__name__, **dataclasses.asdict(event)}).encode()
    sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    with sender, contextlib.suppress(FileNotFoundError, ConnectionRefusedError):
        sender.sendto(payload, str(run_dir / SOCKET_NAME))
