"""The containers of one job, side by side: how long they run, and how they end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Literal, NamedTuple, TypeVar

from longshore.emulator.containers import Fleet, Launched
from longshore.emulator.faults import Failure
from longshore.emulator.jobs.control import Control
from longshore.emulator.platform import Platform
from longshore.engines.base import Container, Line, NoAnswer
from longshore.errors import UserError

_CLOSE_LOOK_SECONDS = (
    1.0  # how often the emulator's own end is looked for; its fleet ends the containers anyway
)
_LAST_LINES_SECONDS = 5.0

Result = TypeVar("Result")
How = Literal["exited", "stop", "interrupt", "timeout", "broken", "closing"]


def check_image(platform: Platform, image: str) -> None:
    """Failure, as SageMaker says it and with the engine's own words, where there is no such image. NoAnswer
    where that cannot be told.
    """
    try:
        platform.choose(image).image(image)
    except NoAnswer:
        raise
    except UserError as error:
        raise Failure(
            "ClientError: Cannot pull algorithm container. Either the image does not exist or its permissions"
            f" are incorrect. {error}"
        ) from None


class Outcome(NamedTuple):
    """how: what ended them; failed: the host whose exit code, not 0, ended the others."""

    how: How
    failed: str | None
    codes: Mapping[str, int]


class Hosts:
    """Started together, removed together. Used as a context manager: none of them is left behind."""

    def __init__(self, fleet: Fleet, control: Control) -> None:
        self._fleet = fleet
        self._control = control
        self.launched: dict[str, Launched] = {}

    def __enter__(self) -> Hosts:
        return self

    def __exit__(self, *_: object) -> None:
        self._each(Launched.remove)

    def start(
        self,
        host: str,
        container: Container,
        log_group: str,
        log_stream: str,
        on_line: Callable[[Line], None] | None = None,
    ) -> Launched:
        """Failure, with the engine's own words, where it cannot be; NoAnswer where the engine has gone."""
        try:
            launched = self._fleet.start(container, log_group, log_stream, on_line)
        except NoAnswer:
            raise
        except UserError as error:
            raise Failure(f"ClientError: The container could not be started. {error}") from None
        self.launched[host] = launched
        threading.Thread(target=self._watch, args=(launched,), daemon=True).start()
        return launched

    def wait(self, deadline: float | None, grace: float, signal: int = 15) -> Outcome:
        """Until all have exited with 0, one with another code, or they are ended for another reason.

        deadline: by time.monotonic(). grace: seconds from the signal to SIGKILL. None of them runs
        afterwards.
        """
        how, failed = self._how(deadline)
        codes = self._each(lambda launched: launched.running.stop(grace, signal))
        self._each(lambda launched: launched.all_lines_read(_LAST_LINES_SECONDS))
        return Outcome(how, failed, codes)

    def _how(self, deadline: float | None) -> tuple[How, str | None]:
        while True:
            codes = {host: launched.running.exit_code() for host, launched in self.launched.items()}
            if self._control.closing.is_set():  # looked at after the codes: it is what ends the containers
                return "closing", None
            if self._control.broken is not None:
                return "broken", None
            failed = next((host for host, code in codes.items() if code not in (None, 0)), None)
            if failed is not None or None not in codes.values():
                return "exited", failed
            if self._control.stop_asked:
                return "stop", None
            left = _CLOSE_LOOK_SECONDS
            if deadline is not None:
                left = min(left, deadline - time.monotonic())
                if left <= 0:
                    return "timeout", None
            if self._control.wait(left) == "interrupt":
                return "interrupt", None

    def _watch(self, launched: Launched) -> None:
        with suppress(UserError):  # whoever is told asks it anew, and learns that the engine has gone
            launched.running.wait()
        self._control.tell("exited")

    def _each(self, do: Callable[[Launched], Result]) -> dict[str, Result]:
        """The same to all of them, at the same time."""
        if not self.launched:
            return {}
        with ThreadPoolExecutor(len(self.launched)) as pool:
            return dict(zip(self.launched, pool.map(do, self.launched.values()), strict=True))
