"""One instance of a variant: its container, laid out, started, pinged, and ended."""

from __future__ import annotations

import logging
import math
import secrets
import shutil
import threading
import time
from contextlib import suppress
from typing import Any

import urllib3

from longshore.emulator import opt_ml
from longshore.emulator.containers import Launched
from longshore.emulator.faults import Failure
from longshore.emulator.platform import Platform
from longshore.engines.base import Container
from longshore.errors import UserError
from longshore.limits import ACCEPT_SECONDS, PING_SECONDS, PORT, STOP_SECONDS

_log = logging.getLogger("longshore.emulator")

_STARTING_PING_SECONDS = 0.5  # between two pings until the first good one
_PING_EVERY_SECONDS = 5.0  # afterwards
_BAD_PINGS = 3  # in a row: it gets no more requests
_GIVE_UP_PINGS = 12  # in a row: it is replaced
_POOL = 256  # connections kept


class Instance:
    """A container that serves a model. Thread-safe.

    start() returns when it is healthy and raises Failure where it does not come to that. lease() and
    release() count what is in flight, so that drain() can wait for it.
    """

    def __init__(self, platform: Platform, endpoint: str, variant: str, model: dict[str, Any]) -> None:
        self.id = f"i-{secrets.token_hex(8)}"
        self.log_group = f"/aws/sagemaker/Endpoints/{endpoint}"
        self.log_stream = f"{variant}/{self.id}"
        self._platform = platform
        self._variant = variant
        self._model = model
        self._folder = platform.folder / "instances" / self.id
        self._launched: Launched | None = None
        self.pool: urllib3.HTTPConnectionPool | None = None
        self._condition = threading.Condition()
        self._in_flight = 0
        self._bad_pings = 0
        self._leaving = threading.Event()
        self._drained_by = math.inf  # by time.monotonic()

    def start(self, seconds: float) -> None:
        """Lay out, start, and wait for a good ping, at most so long (A9)."""
        try:
            self._start()
            self._wait_healthy(time.monotonic() + seconds, seconds)
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
    def address(self) -> tuple[str, int]:
        """Where its container listens."""
        assert self.pool is not None
        assert self.pool.port is not None
        return self.pool.host, self.pool.port

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
        if self._launched is not None:
            with suppress(UserError):  # the engine has gone, and the container with it
                self._launched.running.stop(STOP_SECONDS)
        self.remove()

    def remove(self) -> None:
        """Away with it at once."""
        self._leaving.set()
        if self._launched is not None:
            self._launched.remove()
        if self.pool is not None:
            self.pool.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def watch(self) -> str | None:
        """Ping until it is to be replaced, and return why; None where it left on purpose."""
        assert self._launched is not None
        while not self._leaving.is_set() and not self._platform.stopping.is_set():
            try:
                code = self._launched.running.wait(_PING_EVERY_SECONDS)
            except UserError as error:
                return str(error)
            if self._leaving.is_set() or self._platform.stopping.is_set():
                return None
            if code is not None:
                return f"it ended with exit code {code}"
            self._bad_pings = 0 if self._ping() else self._bad_pings + 1
            if self._bad_pings >= _GIVE_UP_PINGS:
                return f"{self._bad_pings} pings in a row failed"
        return None

    def last_lines(self) -> str:
        """What it said last, for a sentence."""
        if self._launched is None:
            return ""
        self._launched.all_lines_read(1.0)
        lines = self._launched.tail()
        return f" Its last lines: {' | '.join(lines)}" if lines else " It has written nothing."

    def _start(self) -> None:
        definition = self._model["PrimaryContainer"]
        model = self._folder / "model"
        opt_ml.fetch_model(self._platform.books, definition, model)
        container = Container(
            image=definition["Image"],
            arguments=("serve",),
            environment=self._environment(definition),
            mounts=opt_ml.mounts(definition["Image"], self._folder, ("model", True)),
            port=PORT,
            network=not self._model.get("EnableNetworkIsolation", False),
        )
        self._launched = self._platform.fleet.start(container, self.log_group, self.log_stream)
        address = self._launched.running.address
        assert address is not None
        self.pool = urllib3.HTTPConnectionPool(*address, maxsize=_POOL, retries=False, timeout=PING_SECONDS)

    def _environment(self, definition: dict[str, Any]) -> dict[str, str]:
        return {**self._platform.container_environment(), **definition.get("Environment", {})}

    def _wait_healthy(self, deadline: float, seconds: float) -> None:
        assert self._launched is not None
        while not self._ping():
            code = self._launched.running.wait(_STARTING_PING_SECONDS)
            if code is not None:
                raise Failure(
                    f"The primary container for production variant {self._variant} ended with exit code "
                    f"{code} before it passed the ping health check.{self.last_lines()}"
                )
            if time.monotonic() > deadline:
                raise Failure(
                    f"The primary container for production variant {self._variant} did not pass the ping "
                    f"health check within {seconds:.0f} s (ContainerStartupHealthCheckTimeoutInSeconds)."
                    f"{self.last_lines()}"
                )
            if self._leaving.is_set() or self._platform.stopping.is_set():
                raise Failure("The emulator was stopped.")

    def _ping(self) -> bool:
        assert self.pool is not None
        timeout = urllib3.Timeout(connect=ACCEPT_SECONDS, total=PING_SECONDS)
        try:
            return bool(self.pool.request("GET", "/ping", timeout=timeout, redirect=False).status == 200)
        except (urllib3.exceptions.HTTPError, OSError):
            return False
