"""SageMaker's published limits, by the rule of docs/contract.md that states them.

Stated anew on purpose, apart from what the image's code holds: a checker that shares its numbers with
what it checks agrees with its mistakes. A test holds both against docs/contract.md. Units are in the
names; a MB is 2**20 bytes, as SageMaker's payload limits have it.
"""

from __future__ import annotations

MB = 2**20

# A. Hosting
PORT = 8080  # A7: SAGEMAKER_BIND_TO_PORT's default
STOP_SECONDS = 30.0  # A3: from SIGTERM to SIGKILL
ENVIRONMENT_MAX = 100  # A6: variables
ENVIRONMENT_TEXT_MAX = 1024  # A6: characters of a key, and of a value
ENVIRONMENT_BYTES_MAX = 32 * 1024  # A6: all of them
PING_SECONDS = 2.0  # A8: each attempt
STARTUP_SECONDS = 480.0  # A9: from the start to steady 200s, where the variant does not say otherwise
STARTUP_SECONDS_RANGE = (60, 3600)  # A9: ContainerStartupHealthCheckTimeoutInSeconds
ACCEPT_SECONDS = 0.25  # A11: until the socket is accepted
INVOCATION_SECONDS = 60.0  # A11: until the answer
PAYLOAD_MB_REAL_TIME = 25  # A12
PAYLOAD_MB_SERVERLESS = 4
PAYLOAD_MB_BATCH = 100
PAYLOAD_MB_ASYNC = 1024
HEADER_MAX = {  # A14: characters of each header's value
    "Content-Type": 1024,
    "Accept": 1024,
    "X-Amzn-SageMaker-Custom-Attributes": 1024,
    "X-Amzn-SageMaker-Target-Model": 1024,
    "X-Amzn-SageMaker-Session-Id": 256,
    "X-Amzn-SageMaker-Inference-Id": 64,
    "X-Amzn-SageMaker-Enable-Explanations": 64,
    "X-Amzn-SageMaker-Prefix-Aware-Id": 64,
    "X-Amzn-SageMaker-Target-Variant": 63,
    "X-Amzn-SageMaker-Target-Container-Hostname": 63,
    "X-Amzn-SageMaker-Inference-Component": 63,
}
ERROR_BODY_MAX = 2048  # A16: characters of OriginalMessage
SCRAPE_SECONDS_RANGE = (10, 300)  # A19: how often /metrics is asked
SCRAPE_SECONDS = 60

# B. Hosting, the other shapes
STREAM_SECONDS = 480.0  # B1: of a whole streamed answer
MODEL_LOAD_SECONDS = 60.0  # B4: then the client gets ModelNotReadyException
MODEL_LOAD_SECONDS_MAX = 360.0  # B4: how long the load goes on
PIPELINE_CONTAINERS_MAX = 15  # B5
ASYNC_TIMEOUT_SECONDS_RANGE = (1, 3600)  # B6: InvocationTimeoutSeconds
ASYNC_TIMEOUT_SECONDS = 900
ASYNC_TTL_SECONDS_RANGE = (60, 21600)  # B6: RequestTTLSeconds
ASYNC_INLINE_BYTES_MAX = 128_000  # B6: of a Body, in the place of an InputLocation
ASYNC_NOTICE_BYTES_MAX = 128 * 1024  # B6: of an answer that a notice holds
ASYNC_ANSWER_HEADER_BYTES_MAX = 4096  # B6: all header lines of the container's answer
ASYNC_CONCURRENCY_RANGE = (1, 1000)  # B6: MaxConcurrentInvocationsPerInstance
SERVERLESS_MEMORY_MB = tuple(range(1024, 6144 + 1, 1024))  # B7
SERVERLESS_CONCURRENCY_RANGE = (1, 200)  # B7
SERVERLESS_STARTUP_SECONDS = 180.0  # B7
SERVERLESS_IMAGE_BYTES_MAX = 10 * 2**30  # B7

# C. Batch transform
TRANSFORM_PAYLOAD_MB = 6  # C3: where the job does not say otherwise
TRANSFORM_TOTAL_MB = 100  # C3: concurrent transforms × payload
TRANSFORM_TIMEOUT_SECONDS_RANGE = (1, 3600)  # C4: InvocationsTimeoutInSeconds
TRANSFORM_TIMEOUT_SECONDS = 600
TRANSFORM_RETRIES_RANGE = (0, 3)  # C4: InvocationsMaxRetries

# D. Training
HYPERPARAMETERS_MAX = 100  # D2
HYPERPARAMETER_TEXT_MAX = 2500  # D2: characters of a value
CHANNELS_RANGE = (1, 20)  # D3
FAILURE_MAX = 1024  # D6: characters of the failure file that become FailureReason
TRAINING_STOP_SECONDS = 120.0  # D8: from SIGTERM to SIGKILL

# E. Processing
EXIT_MESSAGE_BYTES_MAX = 1024  # E3

# F. Images and roles
IMAGE_URI_MAX = 255  # F3
