"""The endpoints that live: created, updated, scaled and deleted, each change in a thread of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from longshore.emulator.faults import AwsError, Failure
from longshore.emulator.hosting.deployment import Deployment, is_serverless, start_all, stop_all
from longshore.emulator.hosting.instance import Instance
from longshore.emulator.parts import model_containers
from longshore.emulator.platform import Platform
from longshore.limits import ASYNC_TIMEOUT_SECONDS_RANGE, INVOCATION_SECONDS

# Every request has a time limit of its own, the longest of them this one (B6): it is never the first to end.
_DRAIN_SECONDS = float(ASYNC_TIMEOUT_SECONDS_RANGE[1])
_BUSY = ("Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting")


class Endpoints:
    """Which deployment answers for an endpoint's name.

    The record of an endpoint holds, besides what Describe shows, `_Config` and `_Models`: what it was made
    of, because the configuration and the models may be deleted while it lives.
    """

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._records = platform.records
        self._lock = threading.Lock()
        self._live: dict[str, Deployment] = {}
        self._leaving: dict[str, list[Instance]] = {}  # out of turn, with requests that may take long yet

    def create(self, name: str, config_name: str, tags: list[dict[str, str]]) -> dict[str, Any]:
        """Make the record, 'Creating', and begin; the record."""
        config, models = self._snapshot(config_name)
        record = self._records.create(
            "endpoint",
            name,
            {
                "EndpointConfigName": config_name,
                "EndpointStatus": "Creating",
                "Tags": tags,
                "_Config": config,
                "_Models": models,
            },
        )
        self._begin(name, config, models)
        return record

    def resume(self) -> None:
        """Start again those that were to be in service when the emulator went (--state)."""
        for record in self._records.all("endpoint"):
            name = record["EndpointName"]
            if record["EndpointStatus"] == "Failed":
                continue
            if record["EndpointStatus"] == "Deleting":
                self._records.delete("endpoint", name)
                continue
            self._records.update("endpoint", name, EndpointStatus="Creating")
            self._begin(name, record["_Config"], record["_Models"])

    def update(self, name: str, config_name: str, *, keep_variants: bool, excluded: set[str]) -> None:
        """Replace what runs by what another configuration says, once that is healthy, with no request lost.

        keep_variants: weights and instance counts of variants of the same name stay, but for those excluded:
        'DesiredInstanceCount', 'DesiredWeight'.
        """
        config, models = self._snapshot(config_name)
        old = self._live.get(name)
        if old is not None and is_serverless(config) and not is_serverless(old.config):
            raise AwsError(
                "ValidationException",
                "An endpoint whose variants have instances cannot be made serverless: create another one.",
            )
        self._occupy(name, "Updating")
        if keep_variants and old is not None:
            config = {
                **config,
                "ProductionVariants": [
                    _kept(old, variant, excluded) for variant in config["ProductionVariants"]
                ],
            }

        def work() -> None:
            fresh = Deployment(self._platform, name, config, models)
            try:
                fresh.start()
            except Failure as failure:
                self._records.update(
                    "endpoint", name, EndpointStatus="InService", FailureReason=failure.reason
                )
                return
            with self._lock:
                self._live[name] = fresh
            self._in_service(name, fresh)
            if old is not None:
                self._retire(name, old.close())

        self._platform.background(f"update endpoint {name}", self._guarded(name, work, "InService"))

    def scale(self, name: str, wanted: list[dict[str, Any]]) -> None:
        """Set weights and instance counts of variants; more instances are healthy before anything else
        changes.
        """
        deployment = self._live.get(name)
        for change in wanted:
            if deployment is not None and change["VariantName"] not in deployment.variants:
                raise AwsError("ValidationException", f"The endpoint has no variant {change['VariantName']}.")
            if deployment is not None:
                deployment.variants[change["VariantName"]].check_change(change)
        self._occupy(name, "Updating")
        assert deployment is not None

        def work() -> None:
            added: list[tuple[str, Instance]] = []
            for change in wanted:
                variant = deployment.variants[change["VariantName"]]
                more = variant.wanted_count(change) - variant.count
                added += [(variant.name, variant.new_instance()) for _ in range(max(0, more))]
            try:
                start_all([(one, deployment.variants[variant].startup_seconds) for variant, one in added])
            except Failure as failure:
                self._records.update(
                    "endpoint", name, EndpointStatus="InService", FailureReason=failure.reason
                )
                return
            leaving: list[Instance] = []
            for change in wanted:
                variant = deployment.variants[change["VariantName"]]
                leaving += variant.apply(change, [one for name, one in added if name == variant.name])
            self._in_service(name, deployment)
            self._retire(name, leaving)

        self._platform.background(f"scale endpoint {name}", self._guarded(name, work, "InService"))

    def delete(self, name: str) -> None:
        """Drain, SIGTERM, 30 s, SIGKILL; the record goes last."""
        self._occupy(name, "Deleting", allowed=("InService", "Failed"))
        with self._lock:
            deployment = self._live.pop(name, None)
            leaving = list(self._leaving.get(name, ()))

        def work() -> None:
            try:
                self._platform.backlogs.close(name)
                for instance in leaving:
                    instance.hasten(INVOCATION_SECONDS)
                if deployment is not None:
                    stop_all(deployment.close())
            finally:
                self._platform.latency.forget(name)
                self._records.delete("endpoint", name)

        self._platform.background(f"delete endpoint {name}", work)

    def _retire(self, name: str, instances: list[Instance]) -> None:
        """Stop instances of an endpoint that goes on without them, each once what is in flight has ended."""
        with self._lock:
            self._leaving.setdefault(name, []).extend(instances)
            deleted = name not in self._live
        stop_all(instances, INVOCATION_SECONDS if deleted else _DRAIN_SECONDS)
        with self._lock:
            left = [one for one in self._leaving.pop(name) if one not in instances]
            if left:
                self._leaving[name] = left

    def live(self, name: str) -> Deployment | None:
        """What answers for an endpoint now."""
        return self._live.get(name)

    def _begin(self, name: str, config: dict[str, Any], models: dict[str, Any]) -> None:
        def work() -> None:
            deployment = Deployment(self._platform, name, config, models)
            try:
                deployment.start()
            except Failure as failure:
                if not self._platform.stopping.is_set():
                    self._records.update(
                        "endpoint", name, EndpointStatus="Failed", FailureReason=failure.reason
                    )
                return
            with self._lock:
                self._live[name] = deployment
            self._in_service(name, deployment)

        self._platform.background(f"create endpoint {name}", self._guarded(name, work, "Failed"))

    def _guarded(self, name: str, work: Callable[[], None], status: str) -> Callable[[], None]:
        """Work whose failure for a reason that nobody foresaw is told in the record, too."""

        def run() -> None:
            try:
                work()
            except Exception as error:
                if not self._platform.stopping.is_set():
                    reason = f"The emulator failed: {error!r}; its output has the traceback."
                    self._records.update("endpoint", name, EndpointStatus=status, FailureReason=reason)
                raise

        return run

    def _snapshot(self, config_name: str) -> tuple[dict[str, Any], dict[str, Any]]:
        config = self._records.get("endpoint-config", config_name)
        names = {variant["ModelName"] for variant in config["ProductionVariants"]}
        models = {name: self._records.get("model", name) for name in names}
        return config, models

    def _occupy(self, name: str, status: str, allowed: tuple[str, ...] = ("InService",)) -> None:
        arn = self._records.arn("endpoint", name)

        def claim(record: dict[str, Any]) -> None:
            current = record["EndpointStatus"]
            if current in _BUSY:
                raise AwsError("ValidationException", f'Cannot update in-progress endpoint "{arn}".')
            if current not in allowed:
                raise AwsError(
                    "ValidationException", f'Cannot update endpoint "{arn}": its status is {current}.'
                )
            record["EndpointStatus"] = status

        self._records.get("endpoint", name)
        self._records.change("endpoint", name, claim)

    def _in_service(self, name: str, deployment: Deployment) -> None:
        self._records.update(
            "endpoint",
            name,
            EndpointStatus="InService",
            EndpointConfigName=deployment.config["EndpointConfigName"],
            ProductionVariants=[_shown(deployment, variant) for variant in deployment.variants],
            DataCaptureConfig=_capture(deployment.config),
            AsyncInferenceConfig=deployment.config.get("AsyncInferenceConfig"),
            FailureReason=None,
            _Config=_current(deployment),
            _Models=deployment.models,
        )


def _shown(deployment: Deployment, name: str) -> dict[str, Any]:
    variant = deployment.variants[name]
    images = [
        {"SpecifiedImage": one["Image"], "ResolvedImage": one["Image"], "ResolutionTime": time.time()}
        for one in model_containers(variant.model)
    ]
    return {**variant.describe(), "DeployedImages": images}


def _capture(config: dict[str, Any]) -> dict[str, Any] | None:
    given = config.get("DataCaptureConfig")
    if not given:
        return None
    return {
        "EnableCapture": given.get("EnableCapture", False),
        "CaptureStatus": "Stopped",
        "CurrentSamplingPercentage": given["InitialSamplingPercentage"],
        "DestinationS3Uri": given["DestinationS3Uri"],
        "KmsKeyId": given.get("KmsKeyId", ""),
    }


def _current(deployment: Deployment) -> dict[str, Any]:
    """The configuration with the weights and counts of now, so that a restart brings back these."""
    variants = [variant.current_settings() for variant in deployment.variants.values()]
    return {**deployment.config, "ProductionVariants": variants}


def _kept(old: Deployment, settings: dict[str, Any], excluded: set[str]) -> dict[str, Any]:
    before = old.variants.get(settings["VariantName"])
    if before is None:
        return settings
    kept = dict(settings)
    has_instances = not any("ServerlessConfig" in one for one in (settings, before.settings))
    if "DesiredInstanceCount" not in excluded and has_instances:
        kept["InitialInstanceCount"] = before.count
    if "DesiredWeight" not in excluded:
        kept["InitialVariantWeight"] = before.weight
    return kept
