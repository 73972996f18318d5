"""What /execution-parameters tells batch transform, computed from the machine and the settings (C1 to C3)."""

from __future__ import annotations

from typing import Any

from longshore_runtime import contract
from longshore_runtime.settings import Settings


def compute(settings: Settings, at_once_in_a_worker: int = 1) -> dict[str, Any]:
    """MaxConcurrentTransforms, BatchStrategy, MaxPayloadInMB; the first times the last is at most 100.

    As many requests at once as keep all workers busy: one each, unless the model takes more at once, by
    batches say; but not so many that there is no room for the usual payload. A request to the algorithm
    runner is one task. What the job itself has set is repeated as it is, the rest fitted to it.
    """
    strategy = contract.BATCH_STRATEGY_DEFAULT
    with_room = contract.BATCH_PRODUCT_MAX_MB // contract.BATCH_PAYLOAD_DEFAULT_MB
    at_once = max(settings.workers, min(settings.workers * at_once_in_a_worker, with_room))
    if settings.algorithm is not None:
        at_once, strategy = settings.algorithm.concurrency, "SINGLE_RECORD"
    payload = settings.batch_payload_mb
    if settings.batch_concurrency is not None:
        concurrency = settings.batch_concurrency
    else:
        concurrency = min(at_once, contract.BATCH_PRODUCT_MAX_MB // max(1, payload or 1))
    if payload is None:
        room = contract.BATCH_PRODUCT_MAX_MB // concurrency
        payload = min(contract.BATCH_PAYLOAD_DEFAULT_MB, settings.max_payload_mb, room)
    return {
        "MaxConcurrentTransforms": concurrency,
        "BatchStrategy": settings.batch_strategy or strategy,
        "MaxPayloadInMB": payload,
    }
