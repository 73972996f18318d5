"""How a transform job sends: as the job says, else the container, else SageMaker's defaults (C1, C3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from longshore import limits
from longshore.emulator.faults import Failure

_TOLD = {"MultiRecord": "MULTI_RECORD", "SingleRecord": "SINGLE_RECORD"}  # as containers spell it


@dataclass(frozen=True)
class SendingPlan:
    """concurrency: requests in flight at one instance. payload: bytes a body may have; None for no limit."""

    concurrency: int
    payload: int | None
    single: bool

    @property
    def window(self) -> int:
        """How many requests to have ready: enough that a slow one idles no other, within 32 MB or so."""
        spare = 32 * limits.MB // max(1, self.payload or limits.TRANSFORM_TOTAL_MB * limits.MB)
        return self.concurrency + max(1, min(8 * self.concurrency, spare))


def environment(job: Mapping[str, Any]) -> dict[str, str]:
    """What the container is told (C2): only what the job itself says, in the container's spelling."""
    told = {"SAGEMAKER_BATCH": "true"}
    if "MaxPayloadInMB" in job:
        told["SAGEMAKER_MAX_PAYLOAD_IN_MB"] = str(job["MaxPayloadInMB"])
    if "BatchStrategy" in job:
        told["SAGEMAKER_BATCH_STRATEGY"] = _TOLD[job["BatchStrategy"]]
    if job.get("MaxConcurrentTransforms"):
        told["SAGEMAKER_MAX_CONCURRENT_TRANSFORMS"] = str(job["MaxConcurrentTransforms"])
    return {**job.get("Environment", {}), **told}


def plan(job: Mapping[str, Any], wanted: Mapping[str, Any]) -> SendingPlan:
    """wanted: the container's /execution-parameters; Failure where they cannot be."""
    told = job.get("MaxConcurrentTransforms")
    concurrency = told or _whole_number(wanted, "MaxConcurrentTransforms", 1, least=1)
    if "MaxPayloadInMB" in job:
        megabytes = job["MaxPayloadInMB"]
        if not told:  # the container could not know how large its payloads would be
            concurrency = min(concurrency, limits.TRANSFORM_TOTAL_MB // max(1, megabytes))
    else:
        megabytes = _whole_number(wanted, "MaxPayloadInMB", limits.TRANSFORM_PAYLOAD_MB, least=0)
    strategy = job.get("BatchStrategy") or _strategy(wanted.get("BatchStrategy", "MULTI_RECORD"))
    if concurrency * megabytes > limits.TRANSFORM_TOTAL_MB or megabytes > limits.PAYLOAD_MB_BATCH:
        raise Failure(
            f"ClientError: MaxConcurrentTransforms × MaxPayloadInMB, {concurrency} × {megabytes}, is above"
            f" {limits.TRANSFORM_TOTAL_MB} MB."
        )
    return SendingPlan(concurrency, megabytes * limits.MB or None, strategy == "SingleRecord")


def _whole_number(wanted: Mapping[str, Any], name: str, default: int, *, least: int) -> int:
    value = wanted.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise Failure(
            f"ClientError: /execution-parameters: {name} is {value!r}, and must be a number from {least} on."
        )
    return value


def _strategy(text: object) -> str:
    spelled = {told.replace("_", ""): strategy for strategy, told in _TOLD.items()}
    strategy = spelled.get(str(text).upper().replace("_", ""))
    if strategy is None:
        raise Failure(
            f"ClientError: /execution-parameters: BatchStrategy is {text!r}, and must be MULTI_RECORD or"
            " SINGLE_RECORD."
        )
    return strategy
