"""What SageMaker fixes, as data: routes, port, paths and header names.

The rules behind these names are numbered in docs/contract.md; the laptop's checker states them a
second time, on its own, so that the two can disagree.
"""

from __future__ import annotations

from pathlib import Path

VERSION = "0.1.0"  # this project's own, as in pyproject.toml

# The status nginx gives a request whose client went before the answer; HTTP has none for it.
CLIENT_GONE = 499

# Routes (A8, A11, C1, A19).
PING = "/ping"
INVOCATIONS = "/invocations"
EXECUTION_PARAMETERS = "/execution-parameters"
METRICS = "/metrics"

DEFAULT_PORT = 8080  # A7, A11
DEFAULT_ML_ROOT = Path("/opt/ml")  # A17, D2 to D6

# Where the user's files and this package lie: /opt/program in the image, container/ in a checkout.
PROGRAM_DIR = Path(__file__).resolve().parents[1]

# Headers that reach a container or are honoured on its answer (A14, A15).
HEADER_INFERENCE_ID = "X-Amzn-SageMaker-Inference-Id"
HEADER_CUSTOM_ATTRIBUTES = "X-Amzn-SageMaker-Custom-Attributes"
INFERENCE_ID_MAX = 64
CUSTOM_ATTRIBUTES_MAX = 1024

# An error's body is what the caller sees as OriginalMessage, cut there (A16).
ERROR_BODY_MAX = 2048

# Batch transform (C1, C3).
BATCH_PRODUCT_MAX_MB = 100  # MaxConcurrentTransforms times MaxPayloadInMB
BATCH_PAYLOAD_DEFAULT_MB = 6
BATCH_STRATEGY_DEFAULT = "MULTI_RECORD"

# The largest payload any way of hosting sends: asynchronous inference, 1 GB (A12, B6).
PAYLOAD_MAX_MB = 1024
# The longest any way of hosting waits for one answer: asynchronous inference, one hour (B6).
TIMEOUT_MAX_SECONDS = 3600

# Seconds from SIGTERM to SIGKILL (A3, D8).
HOSTING_STOP_SECONDS = 30
DRAIN_SECONDS = HOSTING_STOP_SECONDS - 5  # for what is in flight; the rest is for the stopping itself
TRAINING_STOP_SECONDS = 120

FAILURE_REASON_MAX = 1024  # D6
