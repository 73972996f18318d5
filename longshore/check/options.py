"""The options of a check."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from longshore import limits
from longshore.check.payloads import Payload

TRAINING_SECONDS = 900.0


@dataclass(frozen=True)
class Options:
    """The options of a check. The limits that are not described are SageMaker's own.

    Attributes:
        payload: A request that the model answers.
        model: A folder or model.tar.gz for /opt/ml/model.
        training: A folder of channels, or one laid out as /opt/ml/input.
        environment: Variables for every container.
        patience: Seconds to wait for an answer.
        busy: Seconds to keep all workers busy.
        settle: Seconds that a container may take to change its state.
        training_seconds: How long a training or processing job may take.
    """

    payload: Payload | None = None
    model: Path | None = None
    training: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    start_seconds: float = limits.STARTUP_SECONDS
    serverless_start_seconds: float = limits.SERVERLESS_STARTUP_SECONDS
    patience: float = limits.INVOCATION_SECONDS
    stream_seconds: float = limits.STREAM_SECONDS
    stop_seconds: float = limits.STOP_SECONDS
    training_stop_seconds: float = limits.TRAINING_STOP_SECONDS
    training_seconds: float = TRAINING_SECONDS
    image_bytes: int = limits.SERVERLESS_IMAGE_BYTES_MAX
    busy: float = 1.0
    settle: float = 5.0
