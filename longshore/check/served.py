"""A container that serves: how it was started, whether it is ready, its log."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from longshore import limits
from longshore.check import layout
from longshore.check.client import Address, Client
from longshore.check.exchange import Exchange, duration, excerpt
from longshore.check.rule import NotTried
from longshore.check.waiting import Wait
from longshore.engines.base import Container, Line, Mount, Running
from longshore.errors import UserError

if TYPE_CHECKING:
    from longshore.check.session import Session

MODEL = "/opt/ml/model"
_ANSWER = "`serve` to answer /ping"
_START_LIMIT = "--start-seconds, or the rule's own"
_SHOWN_SECONDS = 10.0
NO_200 = "no 200 within"
_POLL_SECONDS = (0.01, 0.25)  # between two pings: as at first, and as after a while


class NotReady(Exception):
    """A container did not become ready; the text says what it did."""


@dataclass(frozen=True)
class How:
    """How a container is started, if not as usual. model: a folder; None for the session's."""

    environment: Mapping[str, str] = field(default_factory=dict)
    model: Path | None = None
    model_read_only: bool = True
    more_mounts: tuple[Mount, ...] = ()
    port: int = limits.PORT
    isolated: bool = False
    user: str = ""
    read_only_root: bool = False

    def with_environment(self, **variables: str) -> How:
        return replace(self, environment={**self.environment, **variables})


class Log:
    """The lines of a container, collected in a thread."""

    def __init__(self, running: Running) -> None:
        self.lines: list[Line] = []
        self._thread = threading.Thread(target=self._collect, args=(running,), daemon=True)
        self._thread.start()

    def _collect(self, running: Running) -> None:
        with contextlib.suppress(UserError):  # the engine has stopped; others report it
            for line in running.lines():
                self.lines.append(line)

    def complete(self, patience: float = 5.0) -> list[Line]:
        """Return all lines of a container that has ended."""
        self._thread.join(patience)
        return self.lines

    def end(self, count: int = 4) -> str:
        """Return the last lines, for the report."""
        told = [line.text for line in self.lines if line.text.strip()][-count:]
        return f"; its last lines: {excerpt(' | '.join(told), 400)}" if told else "; it wrote nothing"


class Server:
    """A container, or the server at a URL, which has no `running` and no log."""

    def __init__(self, session: Session, how: How, running: Running | None, client: Client | None) -> None:
        self._session = session
        self.how = how
        self._running = running
        self._client = client
        self.log = Log(running) if running is not None else None
        self.born = time.monotonic()
        self.ready_seconds: float | None = None
        self.why_not_ready = ""

    @property
    def running(self) -> Running:
        """The container. Raises NotTried for a URL."""
        if self._running is None:
            raise NotTried("needs an image or a path: the container behind a URL is out of reach")
        return self._running

    @property
    def client(self) -> Client:
        if self._client is None:
            raise NotTried("the container's port cannot be reached from this machine")
        return self._client

    def lines(self) -> list[Line]:
        if self.log is None:
            raise NotTried("needs an image or a path: the log behind a URL is out of reach")
        return self.log.lines

    def ping(self, timeout: float = limits.PING_SECONDS) -> Exchange:
        return self.client.get("/ping", timeout=timeout)

    def wait_ready(self, seconds: float | None = None) -> None:
        """Wait until /ping is 200. Raises NotReady after so many seconds; SageMaker's limit by default."""
        if not self.is_ready(seconds):
            raise NotReady(self.why_not_ready)

    def is_ready(self, seconds: float | None = None) -> bool:
        """Wait until /ping is 200; else set why_not_ready."""
        longest = self._session.options.start_seconds if seconds is None else seconds
        seen = self.wait_for(lambda answer: answer.status == 200, longest)
        if seen is not None and seen.status == 200:
            self.ready_seconds = time.monotonic() - self.born
            return True
        return False

    def wait_for(self, wanted: Answer, seconds: float) -> Exchange | None:
        """Ping until an answer is as wanted, and return it; None if the container or the time ended, see
        why_not_ready."""
        pause, most = _POLL_SECONDS
        seen = None
        waiting = threading.Event()
        shown = Wait(self._session, _ANSWER, seconds, _START_LIMIT, self.log, _SHOWN_SECONDS)
        while (waited := time.monotonic() - self.born) < seconds:
            if self._session.closed:
                raise NotTried("the check was ended")
            seen = self.ping()
            if wanted(seen):
                return seen
            code = self.running.exit_code()
            if code is not None:
                if self.log is not None:
                    self.log.complete()
                self.why_not_ready = f"it ended by itself with exit code {code}{self._said()}"
                return None
            shown.report()
            waiting.wait(min(pause, max(0.0, seconds - waited)))
            pause = min(pause * 1.2, most)
        self.why_not_ready = f"{NO_200} {duration(seconds)}; the last {seen}{self._said()}"
        return None

    def _said(self) -> str:
        return self.log.end() if self.log is not None else ""


if TYPE_CHECKING:
    from collections.abc import Callable

    Answer = Callable[[Exchange], bool]


def start(session: Session, how: How) -> Server:
    """Start a container of the session's image. Raises NotTried if the engine cannot."""
    engine = session.engine
    model = session.model() if how.model is None else how.model
    mounts = (Mount(model, MODEL, read_only=how.model_read_only), *how.more_mounts)
    if session.on_host:  # an image brings its own /opt/ml, this machine has none
        root = session.new_folder("ml")
        root.mkdir()
        layout.open_to_all(root)
        mounts = (Mount(root, "/opt/ml"), *mounts)
    elif how.read_only_root:
        scratch = session.new_folder("tmp")
        scratch.mkdir()
        layout.open_to_all(scratch)
        mounts = (*mounts, Mount(scratch, "/tmp"))
    container = Container(
        image=session.name,
        arguments=("serve",),
        environment={**session.options.environment, **how.environment},
        mounts=mounts,
        port=how.port,
        isolated=how.isolated,
        user=how.user,
        read_only_root=how.read_only_root,
        owner=session.owner,
    )
    try:
        running = engine.start(container)
    except UserError as error:
        raise NotTried(str(error)) from None
    session.add(running)
    address = running.address
    client = None
    if address is not None:
        options = session.options
        client = Client(Address(*address), options.patience, stream_seconds=options.stream_seconds)
    return Server(session, how, running, client)
