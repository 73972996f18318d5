"""The variants of one endpoint configuration, running: how many instances, and whose turn it is."""

from __future__ import annotations

import itertools
import logging
import random
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from longshore.emulator.faults import AwsError, Failure
from longshore.emulator.hosting.instance import Instance
from longshore.emulator.platform import Platform
from longshore.limits import (
    INVOCATION_SECONDS,
    PAYLOAD_MB_REAL_TIME,
    PAYLOAD_MB_SERVERLESS,
    STARTUP_SECONDS,
)

_log = logging.getLogger("longshore.emulator")

_AT_ONCE = 8  # instances that start or stop at the same time
_REPLACE_SECONDS = 2.0  # before an instance that could not be replaced is tried again


class Variant:
    """One production variant. settings: as in the endpoint configuration; model: its record."""

    def __init__(
        self, platform: Platform, endpoint: str, settings: dict[str, Any], model: dict[str, Any]
    ) -> None:
        self.name: str = settings["VariantName"]
        self.settings = settings
        self.model = model
        self.weight: float = settings["InitialVariantWeight"]
        self.count: int = settings.get("InitialInstanceCount", 0)
        self._platform = platform
        self._endpoint = endpoint
        self._lock = threading.Lock()
        self._instances: list[Instance] = []
        self._turn = itertools.count()
        self.trouble = ""  # why an instance is missing; empty where none is

    @property
    def size(self) -> int:
        """How many instances take their turn now."""
        return len(self._instances)

    @property
    def startup_seconds(self) -> float:
        """How long an instance may take until it is healthy."""
        return float(self.settings.get("ContainerStartupHealthCheckTimeoutInSeconds", STARTUP_SECONDS))

    def new_instance(self) -> Instance:
        """One that has not been started."""
        return Instance(self._platform, self._endpoint, self.name, self.model)

    def first_instances(self) -> list[Instance]:
        """Those that have to be healthy before the variant is in service; none has been started."""
        return [self.new_instance() for _ in range(self.count)]

    def begin(self, instances: list[Instance]) -> None:
        """The first instances are healthy: go into service."""
        self.add(instances)

    def add(self, instances: Iterable[Instance]) -> None:
        """Let healthy ones take their turn, and see that each is replaced when it dies."""
        for instance in instances:
            with self._lock:
                self._instances.append(instance)
            self._platform.background(f"watch {instance.id}", lambda instance=instance: self._watch(instance))  # type: ignore[misc]

    def take(self, count: int) -> list[Instance]:
        """Take so many out of turn, to be drained and stopped."""
        with self._lock:
            taken, self._instances = self._instances[:count], self._instances[count:]
        return taken

    def lease(self, passed_over: set[str]) -> Instance | None:
        """The next healthy instance that is not passed over, with the request counted in; else None."""
        with self._lock:
            instances = [one for one in self._instances if one.healthy and one.id not in passed_over]
        start = next(self._turn)
        for step in range(len(instances)):
            instance = instances[(start + step) % len(instances)]
            if instance.lease():
                return instance
        return None

    def instances(self) -> list[Instance]:
        """Those that take their turn, healthy or not."""
        with self._lock:
            return list(self._instances)

    def describe(self) -> dict[str, Any]:
        """As DescribeEndpoint shows it."""
        return {
            "VariantName": self.name,
            "CurrentWeight": self.weight,
            "DesiredWeight": self.weight,
            "CurrentInstanceCount": self.size,
            "DesiredInstanceCount": self.count,
        }

    def current_settings(self) -> dict[str, Any]:
        """As in the endpoint configuration, with the weight and the count of now."""
        return {**self.settings, "InitialVariantWeight": self.weight, "InitialInstanceCount": self.count}

    def check_change(self, change: dict[str, Any]) -> None:
        """AwsError where UpdateEndpointWeightsAndCapacities asks what this variant cannot be."""
        if "ServerlessUpdateConfig" in change:
            raise AwsError("ValidationException", f"Variant {self.name} is not serverless.")

    def wanted_count(self, change: dict[str, Any]) -> int:
        """How many instances a change wants to be there at least."""
        return int(change.get("DesiredInstanceCount", self.count))

    def apply(self, change: dict[str, Any], added: Iterable[Instance]) -> list[Instance]:
        """Make the change, for which these healthy instances were started; those that are to be stopped."""
        self.weight = change.get("DesiredWeight", self.weight)
        self.count = self.wanted_count(change)
        self.add(added)
        return self.take(max(0, self.size - self.count))

    def close(self) -> list[Instance]:
        """It goes: all instances, out of turn."""
        self.count = 0
        return self.take(self.size)

    def _watch(self, instance: Instance) -> None:
        why = instance.watch()
        if why is None:
            return
        _log.warning(
            "endpoint %s: instance %s is taken out: %s.%s",
            self._endpoint,
            instance.id,
            why,
            instance.last_lines(),
        )
        with self._lock:
            if instance not in self._instances:
                return
            self.trouble = why
            self._instances.remove(instance)
        instance.remove()
        while not self._platform.stopping.is_set():
            with self._lock:
                if len(self._instances) >= self.count:
                    return
            fresh = self.new_instance()
            try:
                fresh.start(self.startup_seconds)
            except Failure as failure:
                if str(failure) != self.trouble:
                    _log.warning("endpoint %s: %s", self._endpoint, failure)
                self.trouble = str(failure)
                self._platform.stopping.wait(_REPLACE_SECONDS)
                continue
            self.trouble = ""
            with self._lock:
                wanted = len(self._instances) < self.count
            if wanted:
                self.add([fresh])
            else:
                fresh.stop()
            return


class Deployment:
    """All variants of one configuration, for one endpoint."""

    def __init__(
        self, platform: Platform, endpoint: str, config: dict[str, Any], models: dict[str, Any]
    ) -> None:
        from longshore.emulator.hosting.serverless import ServerlessVariant  # which needs this module

        self.config = config
        self.models = models
        self.variants: dict[str, Variant] = {}
        for settings in config["ProductionVariants"]:
            kind = ServerlessVariant if "ServerlessConfig" in settings else Variant
            model = models[settings["ModelName"]]
            self.variants[settings["VariantName"]] = kind(platform, endpoint, settings, model)

    @property
    def payload_mb(self) -> int:
        """The longest body that it takes (A12)."""
        return PAYLOAD_MB_SERVERLESS if is_serverless(self.config) else PAYLOAD_MB_REAL_TIME

    def start(self) -> None:
        """Start all instances, several at a time; Failure, with nothing left, where one is not healthy."""
        first = [(variant, variant.first_instances()) for variant in self.variants.values()]
        start_all([(one, variant.startup_seconds) for variant, instances in first for one in instances])
        for variant, instances in first:
            variant.begin(instances)

    def lease(self, target: str | None, passed_over: set[str]) -> tuple[Variant, Instance] | None:
        """A variant by weight, or the one that is asked for, and its next instance."""
        if target is not None:
            if target not in self.variants:
                raise AwsError("ValidationError", f"Variant {target} is not of this endpoint.")
            variant = self.variants[target]
        else:
            variants = list(self.variants.values())
            weights = [variant.weight for variant in variants]
            if sum(weights) <= 0:
                raise AwsError(
                    "ValidationError", "All variants of the endpoint have weight 0: name a TargetVariant."
                )
            variant = variants[0] if len(variants) == 1 else random.choices(variants, weights)[0]
        instance = variant.lease(passed_over)
        return (variant, instance) if instance is not None else None

    def trouble(self, target: str | None) -> str:
        """Why instances are missing, of all variants or of the one that is asked for; may be empty."""
        variants = [self.variants[target]] if target in self.variants else self.variants.values()
        return " ".join(variant.trouble for variant in variants if variant.trouble)

    def close(self) -> list[Instance]:
        """All instances, out of turn, to be drained and stopped; none takes their place."""
        return [instance for variant in self.variants.values() for instance in variant.close()]


def is_serverless(config: dict[str, Any]) -> bool:
    """Whether an endpoint configuration's variant is; then it has no other."""
    return any("ServerlessConfig" in settings for settings in config["ProductionVariants"])


def start_all(instances: list[tuple[Instance, float]]) -> None:
    """Start instances, each within its seconds; Failure, with all of them removed, where one fails."""
    failures: list[Failure] = []

    def start(instance: Instance, seconds: float) -> None:
        if failures:
            return
        try:
            instance.start(seconds)
        except Failure as failure:
            failures.append(failure)

    _each(lambda item: start(*item), instances)
    if failures:
        _each(lambda item: item[0].remove(), instances)
        raise failures[0]


def stop_all(instances: list[Instance], seconds: float = INVOCATION_SECONDS) -> None:
    """Stop instances, each once what is in flight has ended, or after so many seconds."""

    def stop(instance: Instance) -> None:
        instance.drain(seconds)
        instance.stop()

    _each(stop, instances)


def _each(do: Callable[[Any], None], items: list[Any]) -> None:
    if items:
        with ThreadPoolExecutor(min(_AT_ONCE, len(items))) as pool:
            list(pool.map(do, items))
