"""What a check is told of its target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from longshore import limits
from longshore.check.payloads import Payload

TRAINING_SECONDS = 900.0


@dataclass(frozen=True)
class Options:
    """What the user says of the target, and how long is waited for what.

    payload: one the model answers. model: a folder or model.tar.gz for /opt/ml/model. training: a folder laid
    out as /opt/ml/input. environment: variables every container gets. patience: seconds after which no answer
    counts as none. busy: seconds for which all workers are kept busy. settle: seconds until a container
    without its model must have said so. training_seconds: how long a training or processing job may take. The
    others are SageMaker's own limits.
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
