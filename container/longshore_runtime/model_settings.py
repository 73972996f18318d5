"""The environment variables of the queue in front of a Python model: rows as in settings.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from longshore_runtime import parse
from longshore_runtime.errors import StartError
from longshore_runtime.variables import Variable

DEFAULT_QUEUE = 128  # two full batches; one that waits with a thread costs about 50 KB
CSV_HEADERS = {
    "present": "present",
    "true": "present",
    "absent": "absent",
    "false": "absent",
    "guess": "guess",
}
DEFAULT_BODIES_MB = 100  # one of the largest that are let in unless told otherwise (A12)
CONCURRENCY_MAX = 512
# Beside those that wait and those that compute: one to read, and refuse, the next, and some that answer.
_SPARE_THREADS = 8
# Fields that only a model with predict_batch makes use of.
_OF_BATCHES = ("max_batch_size", "max_batch_delay_ms", "latency_target_ms")
# What a file with such a name is sent as.
GOLDEN_TYPES = {
    ".csv": "text/csv",
    ".json": "application/json",
    ".jsonl": "application/jsonlines",
    ".npy": "application/x-npy",
    ".parquet": "application/x-parquet",
    ".arrow": "application/vnd.apache.arrow.file",
}

VARIABLES = (
    Variable(
        "threads",
        ("MODEL_SERVER_THREADS",),
        None,
        "a whole number from 1 to 2048, with `gthread` only",
        parse.whole_number(1, 2048),
    ),
    Variable(
        "max_queue",
        ("MODEL_SERVER_MAX_QUEUE",),
        None,
        "a whole number of requests from 1 to 1000",
        parse.whole_number(1, 1000),
    ),
    Variable(
        "max_bodies_mb",
        ("MODEL_SERVER_MAX_BODIES_MB",),
        str(DEFAULT_BODIES_MB),
        "a whole number of MB from 1 to 1000000",
        parse.whole_number(1, 1_000_000),
    ),
    Variable(
        "max_decoded_mb",
        ("MODEL_SERVER_MAX_DECODED_MB",),
        None,
        "a whole number of MB from 1 to 1000000",
        parse.whole_number(1, 1_000_000),
    ),
    Variable(
        "csv_header",
        ("MODEL_SERVER_CSV_HEADER",),
        None,
        "`present` (or `true`), `absent` (or `false`) or `guess`",
        lambda text: CSV_HEADERS[parse.one_of(*CSV_HEADERS)(text.lower())],
    ),
    Variable(
        "batch_transform",
        ("SAGEMAKER_BATCH",),
        "false",
        "`true` or `false`, in any case, or nothing",
        lambda text: parse.one_of("true", "false", "")(text.lower()) == "true",
    ),
    Variable(
        "concurrency",
        ("MODEL_SERVER_PREDICT_CONCURRENCY",),
        None,
        f"a whole number from 1 to {CONCURRENCY_MAX}",
        parse.whole_number(1, CONCURRENCY_MAX),
    ),
    Variable(
        "max_batch_size",
        ("MODEL_SERVER_MAX_BATCH_SIZE",),
        "64",
        "a whole number of requests from 1 to 1000",
        parse.whole_number(1, 1000),
    ),
    Variable(
        "max_batch_delay_ms",
        ("MODEL_SERVER_MAX_BATCH_DELAY_MS",),
        "0",
        "a whole number of milliseconds from 0 to 10000",
        parse.whole_number(0, 10_000),
    ),
    Variable(
        "latency_target_ms",
        ("MODEL_SERVER_LATENCY_TARGET_MS",),
        None,
        "a whole number of milliseconds from 1 to 60000",
        parse.whole_number(1, 60_000),
    ),
    Variable(
        "golden_request",
        ("MODEL_SERVER_GOLDEN_REQUEST",),
        None,
        f"`example`, or the path of a file whose name ends in {', '.join(GOLDEN_TYPES)}",
        parse.word_or_file("example", GOLDEN_TYPES),
    ),
)


@dataclass(frozen=True)
class ModelSettings:
    """The values of VARIABLES, by field; None where a variable has no default and is not set.

    max_queue always has a value: how many requests may wait for the model in one worker. golden_request: the
    path of its body, or the word for the model's own example. set_for_batches: the names of those that are
    set and do nothing without predict_batch.
    """

    threads: int | None
    max_queue: int
    max_bodies_mb: int
    max_decoded_mb: int | None
    csv_header: str | None
    batch_transform: bool
    concurrency: int | None
    max_batch_size: int
    max_batch_delay_ms: int
    latency_target_ms: int | None
    golden_request: Path | str | None
    set_for_batches: tuple[str, ...]

    @property
    def http_threads(self) -> int:
        """The most threads of a gthread worker; each is started when it is needed for the first time."""
        # Before the load nobody knows how many predicts at once the model itself will allow.
        return self.threads or self.max_queue + (self.concurrency or CONCURRENCY_MAX) + _SPARE_THREADS


def load(environ: Mapping[str, str]) -> ModelSettings:
    """Read all of VARIABLES; StartError as in settings.load."""
    values = {variable.field: variable.value(environ) for variable in VARIABLES}
    threads, queue, concurrency = values["threads"], values["max_queue"], values["concurrency"] or 1
    if threads and queue and threads <= queue + concurrency:
        raise StartError(
            "MODEL_SERVER_MAX_QUEUE",
            f"'{queue}' contradicts MODEL_SERVER_THREADS '{threads}': each that waits may keep a thread,"
            f" as has each that computes ({concurrency} at once), and one must be left to refuse the next.",
            "Lower it, or unset MODEL_SERVER_THREADS.",
        )
    if queue is None:
        values["max_queue"] = DEFAULT_QUEUE
        if threads:
            values["max_queue"] = max(1, min(DEFAULT_QUEUE, threads - concurrency - 1))
    of_batches = [variable for variable in VARIABLES if variable.field in _OF_BATCHES]
    values["set_for_batches"] = tuple(filter(None, (variable.set_in(environ) for variable in of_batches)))
    assert values.keys() == {field.name for field in fields(ModelSettings)}
    return ModelSettings(**values)
