"""One container of the Docker engine's, from its start until it has been removed."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator
from typing import Any

from longshore.engines import docker_answers
from longshore.engines.base import Line, NoAnswer
from longshore.engines.docker_sdk import ping, sdk, speaking
from longshore.engines.leftovers import Leftovers
from longshore.errors import UserError

_END_SECONDS = 5.0  # from the end of a container until the engine tells of it
_ASK_SECONDS = 10.0  # of silence about a container, until the engine is asked whether it is still there
_PAUSE_SECONDS = 0.1  # before it is asked again about a container after a connection broke


class DockerContainer:
    """A container that was started, until remove(). Thread-safe."""

    def __init__(self, container: Any, name: str, network: str | None, leftovers: Leftovers) -> None:
        """network: its own, or one that goes with its last container. leftovers: removes both."""
        self._container = container
        self._api = container.client.api
        self._network = network
        self._leftovers = leftovers
        self.name = name
        self.address: tuple[str, int] | None = None
        self._ended = threading.Event()
        self._code: int | None = None
        self._lost: UserError | None = None
        self._removed = False

    def begin(self, port: int | None, isolated: bool) -> None:
        """Start it, and see where its port is."""
        self._container.start()
        threading.Thread(target=self._wait, name=f"wait-{self.name}", daemon=True).start()
        if port is None:
            return
        network = self._api.inspect_container(self.name)["NetworkSettings"]
        # Once it has ended, there is neither an address nor a published port. At port 0 nobody answers; an
        # empty address would be this machine's, where somebody may listen on that very port.
        self.address = ("127.0.0.1", 0)
        if isolated:
            (only,) = network["Networks"].values()
            if only["IPAddress"]:
                self.address = (only["IPAddress"], port)
        elif published := (network["Ports"] or {}).get(f"{port}/tcp"):
            self.address = ("127.0.0.1", int(published[0]["HostPort"]))

    def exit_code(self) -> int | None:
        if self._ended.is_set() and self._lost is not None:
            raise self._lost
        return self._code if self._ended.is_set() else None

    def wait(self, seconds: float | None = None) -> int | None:
        self._ended.wait(seconds)
        return self.exit_code()

    def signal(self, number: int) -> None:
        if self.exit_code() is None:
            with speaking(self.name), contextlib.suppress(sdk().errors.APIError):  # it has just ended
                self._api.kill(self.name, number)

    def stop(self, grace: float, number: int = 15) -> int:
        self.signal(number)
        if self.wait(grace) is None:
            self.signal(9)
        code = self.wait()
        assert code is not None
        return code

    def lines(self) -> Iterator[Line]:
        recent: deque[Line] = deque(maxlen=10_000)
        for line in self._read_log(follow=1):
            recent.append(line)
            yield line
        if self._ended.wait(_END_SECONDS):
            self.exit_code()  # a UserError where it was not the container that ended, but the engine
        # Engines have ended such a stream before its last lines.
        known = Counter(recent)
        since = f"{recent[-1].when - 0.001:.6f}" if recent else "0"
        for line in self._read_log(follow=0, since=since):
            if known[line]:
                known[line] -= 1
            else:
                yield line

    def _read_log(self, **options: int | str) -> Iterator[Line]:
        url = f"{self._api.base_url}/v{self._api.api_version}/containers/{self.name}/logs"
        what = {"stdout": 1, "stderr": 1, "timestamps": 1, **options}
        with speaking(self.name), self._api.get(url, params=what, stream=True, timeout=None) as answer:
            if answer.status_code in (404, 409):  # it has been removed, and its log with it, or is just being
                return
            answer.raise_for_status()
            yield from docker_answers.lines(answer.raw)

    def pids(self) -> list[int]:
        if self.exit_code() is not None:
            return []
        with speaking(self.name), self._may_end():
            first = int(self._api.inspect_container(self.name)["State"]["Pid"])
            top = self._api.top(self.name)
            column = top["Titles"].index("PID")
            found = [int(row[column]) for row in top["Processes"] or ()]
            return sorted(found, key=lambda pid: (pid != first, pid))
        return []

    def memory_bytes(self) -> int | None:
        if self.exit_code() is not None:
            return None
        used: dict[str, Any] = {}
        with speaking(self.name), self._may_end():
            used = self._api.stats(self.name, stream=False, one_shot=True).get("memory_stats", {})
        if "usage" not in used:
            return None
        of = used.get("stats", {})
        # The page cache that can be given up at any time is nothing a limit would be reached by.
        return int(used["usage"]) - int(of.get("total_inactive_file", of.get("inactive_file", 0)))

    def out_of_memory(self) -> bool:
        if self.exit_code() is None:
            return False
        with speaking(self.name), self._may_end():
            return bool(self._api.inspect_container(self.name)["State"]["OOMKilled"])
        return False

    def remove(self) -> None:
        if self._removed:
            return
        self._removed = True
        if isinstance(self._lost, NoAnswer):
            self._leftovers.add(self.name, self._network)
            return
        self._leftovers.remove(self.name, self._network)
        self._ended.wait(_END_SECONDS)

    @contextlib.contextmanager
    def _may_end(self) -> Iterator[None]:
        """Suppress the engine's error if the container ended, or was removed, before the engine answered."""
        ended_before = self._ended.is_set()
        try:
            yield
        except sdk().errors.APIError as error:
            # While it ends, engines also answer with 500. Waiting lets exit_code() agree with the answer.
            just_ended = self._ended.wait(_END_SECONDS) and not ended_before
            if not just_ended and error.status_code not in (404, 409):
                raise

    def _wait(self) -> None:
        try:
            while self._code is None:
                # Asked anew again and again: an engine that hangs breaks no connection.
                try:
                    with speaking(self.name):
                        self._code = int(self._api.wait(self.name, timeout=_ASK_SECONDS)["StatusCode"])
                except NoAnswer:
                    with speaking(self.name):
                        ping(self._api)
                    time.sleep(_PAUSE_SECONDS)
        except UserError as error:
            if not self._removed:
                self._lost = error
            else:
                self._code = 137
        finally:
            self._ended.set()
