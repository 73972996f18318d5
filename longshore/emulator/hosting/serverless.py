"""A serverless variant: a container for each request at a time, started when it is needed (B7)."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any

from longshore.emulator.faults import AwsError
from longshore.emulator.hosting.deployment import Variant, stop_all
from longshore.emulator.hosting.instance import Instance
from longshore.emulator.platform import Platform
from longshore.limits import SERVERLESS_STARTUP_SECONDS

_IDLE_SECONDS = 300.0  # SageMaker does not tell how long it keeps one
_LOOKS = 10  # within that time, for containers that have been idle for so long


class ServerlessVariant(Variant):
    """Keeps ProvisionedConcurrency containers at all times, and starts more, up to MaxConcurrency."""

    def __init__(
        self,
        platform: Platform,
        endpoint: str,
        settings: dict[str, Any],
        model: dict[str, Any],
        idle_seconds: float = _IDLE_SECONDS,
    ) -> None:
        """idle_seconds: a container that has had no request for so long is stopped."""
        super().__init__(platform, endpoint, settings, model)
        self._idle_seconds = idle_seconds
        self._configure(settings["ServerlessConfig"])
        self._freed = threading.Condition(self._lock)
        self._starting = 0
        self._closed = threading.Event()

    @property
    def startup_seconds(self) -> float:
        return SERVERLESS_STARTUP_SECONDS

    def new_instance(self) -> Instance:
        memory = int(self._config["MemorySizeInMB"])
        return Instance(self._platform, self._endpoint, self.name, self.model, memory)

    def first_instances(self) -> list[Instance]:
        """One at least, to see that it serves."""
        return [self.new_instance() for _ in range(max(1, self.count))]

    def begin(self, instances: list[Instance]) -> None:
        self.add(instances[: self.count])
        stop_all(instances[self.count :])
        self._platform.background(f"idle containers of {self._endpoint}", self._stop_idle)

    def lease(self, passed_over: set[str]) -> Instance | None:
        """A container that has no request, or a new one; AwsError where there are as many as may be, Failure
        where a new one cannot be started.
        """
        with self._lock:
            for instance in self._instances:
                free = not instance.in_flight and instance.healthy and instance.id not in passed_over
                if free and instance.lease():
                    return instance
            if self._closed.is_set():
                return None
            busy = self._starting + sum(one.in_flight > 0 for one in self._instances)
            if busy >= self._config["MaxConcurrency"]:
                raise AwsError(
                    "ThrottlingException",
                    f"Endpoint {self._endpoint} has as many requests at once as its MaxConcurrency, "
                    f"{self._config['MaxConcurrency']}, allows.",
                    429,
                )
            self._starting += 1
        instance = self.new_instance()
        try:
            instance.start(self.startup_seconds)
            instance.lease()
            self.add([instance])
        finally:
            with self._lock:
                self._starting -= 1
                self._freed.notify_all()
        return instance

    def describe(self) -> dict[str, Any]:
        return {
            "VariantName": self.name,
            "CurrentWeight": self.weight,
            "DesiredWeight": self.weight,
            "CurrentInstanceCount": 0,
            "CurrentServerlessConfig": self._config,
            "DesiredServerlessConfig": self._config,
        }

    def current_settings(self) -> dict[str, Any]:
        return {**self.settings, "InitialVariantWeight": self.weight, "ServerlessConfig": self._config}

    def check_change(self, change: dict[str, Any]) -> None:
        if "DesiredInstanceCount" in change:
            raise AwsError("ValidationException", f"Variant {self.name} is serverless: it has no instances.")
        check_concurrency({**self._config, **change.get("ServerlessUpdateConfig", {})})

    def wanted_count(self, change: dict[str, Any]) -> int:
        return int(change.get("ServerlessUpdateConfig", {}).get("ProvisionedConcurrency", self.count))

    def apply(self, change: dict[str, Any], added: Iterable[Instance]) -> list[Instance]:
        self.weight = change.get("DesiredWeight", self.weight)
        self._configure({**self._config, **change.get("ServerlessUpdateConfig", {})})
        self.add(added)
        return []

    def close(self) -> list[Instance]:
        """Those that start for a request are waited for."""
        self._closed.set()
        with self._freed:
            self._freed.wait_for(lambda: self._starting == 0, self.startup_seconds)
        return super().close()

    def _configure(self, config: dict[str, Any]) -> None:
        self._config = config
        self.count = int(config.get("ProvisionedConcurrency", 0))

    def _stop_idle(self) -> None:
        while not self._closed.wait(self._idle_seconds / _LOOKS) and not self._platform.stopping.is_set():
            with self._lock:
                more = len(self._instances) - self.count
                idle = [one for one in self._instances if one.idle_seconds >= self._idle_seconds]
                leaving = idle[: max(0, more)]
                self._instances = [one for one in self._instances if one not in leaving]
            stop_all(leaving)


def check_concurrency(config: dict[str, Any]) -> None:
    """AwsError where more is provisioned than is allowed."""
    provisioned, most = config.get("ProvisionedConcurrency", 0), config["MaxConcurrency"]
    if provisioned > most:
        raise AwsError(
            "ValidationException",
            f"ProvisionedConcurrency is {provisioned}, and may be MaxConcurrency, {most}, at most (B7).",
        )
