"""The queues of the asynchronous endpoints: first come, first served, so many at a time on each instance.

What waits or runs is a record, so that --state keeps it: after a restart it goes on, from its beginning.
"""

from __future__ import annotations

import collections
import logging
import secrets
import threading
import time
from typing import NamedTuple

from longshore.emulator.faults import AwsError
from longshore.emulator.hosting.asynchronous import settle
from longshore.emulator.hosting.asynchronous.post import Failed, post
from longshore.emulator.hosting.asynchronous.settings import concurrency
from longshore.emulator.hosting.exchange import NotReached
from longshore.emulator.hosting.instance import Instance
from longshore.emulator.platform import Platform
from longshore.emulator.records import Record

_log = logging.getLogger("longshore.emulator")

_LOOK_SECONDS = 0.2  # how often a queue looks whether an instance can take more
_MEASURE_SECONDS = 1.0  # between two data points of its length
_DELETED = "ClientError: The endpoint was deleted before the invocation had ended."
_EXPIRED = "ClientError: The request expired: no instance could take it within its RequestTTLSeconds."


class _Waiting(NamedTuple):
    """key: the record's name; expires: seconds since the epoch."""

    key: str
    expires: float


class Backlogs:
    """The queues of all endpoints. Thread-safe."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._lock = threading.Lock()
        self._queues: dict[str, _Queue] = {}

    def add(self, invocation: Record) -> bool:
        """Keep a new invocation; False where its endpoint has just gone."""
        name = invocation["EndpointName"]
        with self._lock:  # what is in the queue when an endpoint goes is failed, and nothing comes after
            if self._platform.endpoints.live(name) is None:
                return False
            record = self._platform.records.create("async-invocation", secrets.token_hex(8), invocation)
            self._queue(name).add(record)
        return True

    def resume(self) -> None:
        """Go on with what the records have (--state), once the endpoints have begun to start again."""
        with self._lock:
            for record in self._platform.records.all("async-invocation"):
                self._queue(record["EndpointName"]).add(record)
            gone = [name for name in self._queues if self._platform.records.find("endpoint", name) is None]
        for name in gone:
            self._platform.background(f"end of {name}", lambda name=name: self.close(name))  # type: ignore[misc]

    def close(self, name: str) -> None:
        """Fail what waits for an endpoint that is being deleted; what runs may end, or breaks with it."""
        with self._lock:
            queue = self._queues.pop(name, None)
        if queue is not None:
            queue.close()

    def _queue(self, name: str) -> _Queue:
        if name not in self._queues:
            self._queues[name] = _Queue(self._platform, name)
        return self._queues[name]


class _Queue:
    """One endpoint's, with a thread that starts what is next, and a thread for each that runs."""

    def __init__(self, platform: Platform, endpoint: str) -> None:
        self._platform = platform
        self._endpoint = endpoint
        self._lock = threading.Lock()
        self._waiting: collections.deque[_Waiting] = collections.deque()
        self._running: collections.Counter[str] = collections.Counter()  # by the instance's id
        self._closed = False
        self._changed = threading.Event()
        self._measured = (0, 0.0)  # the length, and when by time.monotonic()
        platform.background(f"queue of {endpoint}", self._run)

    def add(self, record: Record) -> None:
        expires = record["CreationTime"] + record["RequestTTLSeconds"]
        with self._lock:
            self._waiting.append(_Waiting(record["AsyncInvocationName"], expires))
        self._changed.set()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            left = list(self._waiting)
            self._waiting.clear()
        self._changed.set()
        for one in left:
            self._fail(one, _DELETED)

    def _run(self) -> None:
        while not self._closed and not self._platform.stopping.is_set():
            idle = self._length() == self._measured[0] == 0
            self._changed.wait(None if idle else _LOOK_SECONDS)
            self._changed.clear()
            self._expire()
            while self._start_next():
                pass
            self._measure()

    def _length(self) -> int:
        with self._lock:
            return len(self._waiting) + self._running.total()

    def _expire(self) -> None:
        now = time.time()
        with self._lock:
            expired = [one for one in self._waiting if one.expires <= now]
            if not expired:
                return
            self._waiting = collections.deque(one for one in self._waiting if one.expires > now)

        def tell() -> None:
            for one in expired:
                self._fail(one, _EXPIRED)

        self._platform.background(f"expired invocations of {self._endpoint}", tell)

    def _start_next(self) -> bool:
        deployment = self._platform.endpoints.live(self._endpoint)
        if deployment is None or self._platform.stopping.is_set():
            return False
        most = concurrency(deployment.config)
        with self._lock:
            if not self._waiting:
                return False
            full = {instance for instance, count in self._running.items() if count >= most}
        try:
            found = deployment.lease(None, full)
        except AwsError:  # no variant has a weight
            return False
        if found is None:
            return False
        variant, instance = found
        with self._lock:
            if not self._waiting:
                instance.release()
                return False
            one = self._waiting.popleft()
            self._running[instance.id] += 1
        stream = f"{variant.name}/{instance.id}"
        self._platform.background(f"invocation {one.key}", lambda: self._work(one, instance, stream))
        return True

    def _work(self, one: _Waiting, instance: Instance, stream: str) -> None:
        invocation = self._platform.records.get("async-invocation", one.key)
        answer = None
        failure = Failed("InternalServerError: The emulator failed; its output has the traceback.")
        try:
            answer = post(self._platform, invocation, instance)
        except Failed as error:
            failure = Failed(_DELETED, detail=error.detail) if self._closed and error.body is None else error
        except NotReached:
            instance.suspect()
            if self._put_back(one):
                return
            failure = Failed(_DELETED)
        except Exception:  # noqa: BLE001  # any fault of ours is told, and the queue goes on
            _log.exception("invocation %s failed", one.key)
        finally:
            instance.release()
            with self._lock:
                self._running[instance.id] -= 1
                self._running += collections.Counter()  # forgets those without any
            self._changed.set()
        if answer is not None:
            settle.succeeded(self._platform, invocation, answer)
        elif not self._platform.stopping.is_set():  # else its container was ended with the emulator
            settle.failed(self._platform, invocation, failure, stream)

    def _put_back(self, one: _Waiting) -> bool:
        with self._lock:
            if not self._closed:
                self._waiting.appendleft(one)
            return not self._closed

    def _fail(self, one: _Waiting, reason: str) -> None:
        invocation = self._platform.records.get("async-invocation", one.key)
        settle.failed(self._platform, invocation, Failed(reason))

    def _measure(self) -> None:
        length, now = self._length(), time.monotonic()
        before, when = self._measured
        if (length == before == 0) or now - when < _MEASURE_SECONDS:
            return
        self._measured = (length, now)
        deployment = self._platform.endpoints.live(self._endpoint)
        instances = sum(variant.size for variant in deployment.variants.values()) if deployment else 0
        sizes = {"ApproximateBacklogSize": float(length)}
        if instances:
            sizes["ApproximateBacklogSizePerInstance"] = length / instances
        for name, value in sizes.items():
            self._platform.books.measure("AWS/SageMaker", name, value, "Count", EndpointName=self._endpoint)
