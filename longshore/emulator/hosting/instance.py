"""One instance of a variant: its containers, started, pinged and ended together."""

from __future__ import annotations

import math
import secrets
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from longshore.emulator.faults import Failure
from longshore.emulator.hosting.hosted import HostedContainer, Place
from longshore.emulator.parts import is_direct, parts
from longshore.emulator.platform import Platform
from longshore.errors import UserError

_PING_EVERY_SECONDS = 5.0  # once it has been healthy
_BAD_PINGS = 3  # in a row: it gets no more requests
_GIVE_UP_PINGS = 12  # in a row: it is replaced
TARGET_CONTAINER = "X-Amzn-SageMaker-Target-Container-Hostname"


class Instance:
    """What serves a model: a container, or those of a pipeline, which live and die together. Thread-safe.

    start() returns when it is healthy and raises Failure where it does not come to that. lease() and
    release() count what is in flight, so that drain() can wait for it.
    """

    def __init__(
        self,
        platform: Platform,
        endpoint: str,
        variant: str,
        model: dict[str, Any],
        memory_mb: int | None = None,
    ) -> None:
        """memory_mb: what each of its containers may have; None for no limit."""
        self.id = f"i-{secrets.token_hex(8)}"
        self._platform = platform
        self._variant = variant
        self._model = model
        self._folder = platform.folder / "instances" / self.id
        made_of = parts(model)
        self.containers = [
            HostedContainer(
                platform,
                part,
                Place(
                    endpoint,
                    variant,
                    f"{variant}/{self.id}" + (f"/{part.name}" if len(made_of) > 1 else ""),
                    self._folder / str(number),
                    isolated=model.get("EnableNetworkIsolation", False),
                    memory_mb=memory_mb,
                ),
            )
            for number, part in enumerate(made_of, 1)
        ]
        self._condition = threading.Condition()
        self._in_flight = 0
        self._idle_since = time.monotonic()
        self._bad_pings = 0
        self._leaving = threading.Event()
        self._drained_by = math.inf  # by time.monotonic()

    def start(self, seconds: float) -> None:
        """Lay out, start, and wait for a good ping of each container, at most so long (A9)."""
        try:
            for container in self.containers:
                container.start()
            deadline = time.monotonic() + seconds
            for container in self.containers:
                container.wait_healthy(deadline, seconds)
        except UserError as error:
            self.remove()
            raise Failure(
                f"The container for production variant {self._variant} could not be started. {error}"
            ) from error
        except OSError as error:
            self.remove()
            raise Failure(f"This machine refuses what the container needs: {error}.") from error
        except BaseException:
            self.remove()
            raise

    @property
    def healthy(self) -> bool:
        """Whether it is to get requests."""
        return self._bad_pings < _BAD_PINGS and not self._leaving.is_set()

    @property
    def in_flight(self) -> int:
        """How many requests it has now."""
        return self._in_flight

    @property
    def idle_seconds(self) -> float:
        """For how long it has had no request; 0 while it has one."""
        with self._condition:
            return 0.0 if self._in_flight else time.monotonic() - self._idle_since

    def way(self, headers: dict[str, str]) -> list[HostedContainer]:
        """The containers that a request goes through: all in turn, or the one that it names (B5)."""
        if not is_direct(self._model):
            return self.containers
        return [one for one in self.containers if one.name == headers.get(TARGET_CONTAINER)]

    def lease(self) -> bool:
        """Count a request in; False where it is about to go, and takes none."""
        with self._condition:
            if self._leaving.is_set():
                return False
            self._in_flight += 1
            return True

    def release(self) -> None:
        """Count it out."""
        with self._condition:
            self._in_flight -= 1
            self._idle_since = time.monotonic()
            self._condition.notify_all()

    def suspect(self) -> None:
        """A request has found it gone, or going: no more of them unless it answers a ping now."""
        if not self._ping():
            self._bad_pings = max(self._bad_pings, _BAD_PINGS)

    def drain(self, seconds: float) -> None:
        """Take no more requests, and wait for those in flight, at most so long; hasten() can shorten it."""
        self.hasten(seconds)
        with self._condition:
            while self._in_flight and (left := self._drained_by - time.monotonic()) > 0:
                self._condition.wait(left)

    def hasten(self, seconds: float) -> None:
        """Whoever drains it is to wait no longer than this from now on."""
        with self._condition:
            self._leaving.set()
            self._drained_by = min(self._drained_by, time.monotonic() + seconds)
            self._condition.notify_all()

    def stop(self) -> None:
        """SIGTERM, 30 s, SIGKILL (A3), and away with it."""
        self._leaving.set()
        with ThreadPoolExecutor(len(self.containers)) as pool:
            list(pool.map(HostedContainer.stop, self.containers))
        self.remove()

    def remove(self) -> None:
        """Away with it at once."""
        self._leaving.set()
        for container in self.containers:
            container.remove()
        shutil.rmtree(self._folder, ignore_errors=True)

    def watch(self) -> str | None:
        """Ping until it is to be replaced, and return why; None where it left on purpose."""
        while not self._leaving.is_set() and not self._platform.stopping.is_set():
            for container in self.containers:
                try:
                    code = container.wait(_PING_EVERY_SECONDS / len(self.containers))
                    if self._leaving.is_set() or self._platform.stopping.is_set():
                        return None
                    if code is not None:
                        return f"its {container.name} container {container.how_it_ended(code)}"
                except UserError as error:
                    return str(error)
            self._bad_pings = 0 if self._ping() else self._bad_pings + 1
            if self._bad_pings >= _GIVE_UP_PINGS:
                return f"{self._bad_pings} pings in a row failed"
        return None

    def last_lines(self) -> str:
        """What it said last, for a sentence."""
        if len(self.containers) == 1:
            return self.containers[0].last_lines()
        return "".join(f" {container.name}:{container.last_lines()}" for container in self.containers)

    def _ping(self) -> bool:
        return all(container.ping() for container in self.containers)
