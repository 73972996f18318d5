"""Every environment variable that serve and train read, read here and nowhere else.

Each is one row of VARIABLES: its name, the names users already set elsewhere that mean the same
(contract H), its default, what is allowed, and how it is read. Where two names of one row are set,
the first in the row's order counts. A value that is not allowed stops the start: there is no silent
default for a malformed value. docs/configuration.md is held against this table by a test.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from longshore_runtime import algorithm_settings, contract, machine, model_settings, parse
from longshore_runtime.algorithm_settings import AlgorithmSettings
from longshore_runtime.errors import StartError
from longshore_runtime.model_settings import ModelSettings
from longshore_runtime.variables import Variable

# Libraries that start a thread per CPU in every process unless told otherwise.
THREAD_POOL_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)

DEFAULT_TIMEOUT_SECONDS = 60  # what SageMaker waits for an answer (A11)
_OURS = ("MODEL_SERVER_", "ALGORITHM_", "GRAND_CHALLENGE_COMPONENT_")
# A thread of the algorithm runner waits for its task, and so does each that asks for the same task again.
_WAITING_THREADS = 32


_ML_ROOT = Variable("ml_root", ("ML_ROOT",), str(contract.DEFAULT_ML_ROOT), "a path", parse.any_path)

_RUNNER = Variable("runner", ("RUNNER",), None, "`model` or `algorithm`", parse.one_of("model", "algorithm"))

VARIABLES = (
    _RUNNER,
    Variable(
        "workers",
        ("MODEL_SERVER_WORKERS", "SAGEMAKER_MODEL_SERVER_WORKERS"),
        "auto",
        "`auto` (the CPUs this container may use) or a whole number from 1 to 256",
        parse.workers,
    ),
    Variable(
        "timeout",
        ("MODEL_SERVER_TIMEOUT", "SAGEMAKER_MODEL_SERVER_TIMEOUT"),
        None,
        f"a whole number of seconds from 1 to {contract.TIMEOUT_MAX_SECONDS}",
        parse.whole_number(1, contract.TIMEOUT_MAX_SECONDS),
    ),
    Variable(
        "worker_class",
        ("MODEL_SERVER_WORKER_CLASS",),
        "gthread",
        "`gthread` or `gevent`",
        parse.one_of("gthread", "gevent"),
    ),
    Variable(
        "preload",
        ("MODEL_SERVER_PRELOAD",),
        "auto",
        "`auto` or `never`",
        parse.one_of("auto", "never"),
    ),
    Variable(
        "max_payload_mb",
        ("MODEL_SERVER_MAX_PAYLOAD_MB",),
        "100",
        f"a whole number of MB from 1 to {contract.PAYLOAD_MAX_MB}",
        parse.whole_number(1, contract.PAYLOAD_MAX_MB),
    ),
    Variable(
        "log_level",
        ("LOG_LEVEL", "SAGEMAKER_CONTAINER_LOG_LEVEL"),
        "INFO",
        "`DEBUG`, `INFO`, `WARNING`, `ERROR`, `CRITICAL`, or 10, 20, 30, 40, 50",
        parse.log_level,
    ),
    Variable(
        "emf_namespace",
        ("MODEL_SERVER_EMF_NAMESPACE",),
        None,
        "a CloudWatch namespace: at most 255 letters, digits, blanks and `.-_/#:`, not beginning with `AWS/`",
        parse.cloudwatch_namespace,
    ),
    Variable("host", ("MODEL_SERVER_HOST",), None, "an IPv4 address of this machine", parse.ipv4_address),
    Variable(
        "port",
        ("SAGEMAKER_BIND_TO_PORT",),
        str(contract.DEFAULT_PORT),
        "a port from 1 to 65535",
        parse.whole_number(1, 65535),
    ),
    Variable(
        "run_dir", ("LONGSHORE_RUN_DIR",), None, "set by serve itself, for its workers", parse.absolute_path
    ),
    _ML_ROOT,
    Variable("model_dir", ("SM_MODEL_DIR",), None, "an absolute path", parse.absolute_path),
    Variable("program", ("SAGEMAKER_PROGRAM",), None, "a file name", parse.not_blank),
    Variable(
        "submit_directory",
        ("SAGEMAKER_SUBMIT_DIRECTORY",),
        None,
        "an absolute path inside the container, not in S3: nothing here fetches code",
        parse.absolute_path,
    ),
    Variable(
        "default_accept",
        ("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT",),
        None,
        "one media type, `text/csv` for example",
        parse.media_type,
    ),
    Variable(
        "batch_concurrency",
        ("SAGEMAKER_MAX_CONCURRENT_TRANSFORMS",),
        None,
        "a whole number from 0 to 100, 0 meaning unset",
        lambda text: parse.whole_number(0, contract.BATCH_PRODUCT_MAX_MB)(text) or None,
    ),
    Variable(
        "batch_payload_mb",
        ("SAGEMAKER_MAX_PAYLOAD_IN_MB",),
        None,
        "a whole number of MB from 0 to 100",
        parse.whole_number(0, contract.BATCH_PRODUCT_MAX_MB),
    ),
    Variable(
        "batch_strategy",
        ("SAGEMAKER_BATCH_STRATEGY",),
        None,
        "`MULTI_RECORD` or `SINGLE_RECORD`",
        parse.batch_strategy,
    ),
    *model_settings.VARIABLES,
)


@dataclass(frozen=True)
class Settings:
    """The values of VARIABLES, by field; None where a variable has no default and is not set.

    thread_pools holds what OMP_NUM_THREADS and its kin must be in each worker: the container's CPUs
    shared out among the workers, or the tasks at once, for those the user has not set.
    model holds those of the queue in front of a Python model (model_settings.py); algorithm the algorithm
    runner's own, None where the model runner serves.
    """

    runner: str
    workers: int
    timeout: int
    worker_class: str
    preload: str
    max_payload_mb: int
    log_level: int
    emf_namespace: str | None
    host: str
    port: int
    run_dir: Path | None
    ml_root: Path
    model_dir: Path
    program: str | None
    submit_directory: Path | None
    default_accept: str | None
    batch_concurrency: int | None
    batch_payload_mb: int | None
    batch_strategy: str | None
    thread_pools: Mapping[str, str]
    model: ModelSettings
    algorithm: AlgorithmSettings | None

    @property
    def http_threads(self) -> int:
        """The most threads of a gthread worker: they read, compute, wait for what computes, and answer."""
        if self.algorithm is not None:
            return max(self.model.threads or 0, self.algorithm.concurrency + _WAITING_THREADS)
        return self.model.http_threads


def load(environ: Mapping[str, str]) -> Settings:
    """Read all of VARIABLES; raises StartError naming the variable, its value and what is allowed."""
    ours = [variable for variable in VARIABLES if variable not in model_settings.VARIABLES]
    values = {variable.field: variable.value(environ) for variable in ours}
    values["model"] = model_settings.load(environ)
    values["model_dir"] = values["model_dir"] or values["ml_root"] / "model"
    # On a host, where ML_ROOT is a folder of the user's, nobody else is let in unasked.
    in_image = values["ml_root"] == contract.DEFAULT_ML_ROOT
    values["host"] = values["host"] or ("0.0.0.0" if in_image else "127.0.0.1")
    if values["runner"] is None:
        values["runner"] = "algorithm" if algorithm_settings.chosen_by(environ) else "model"
    values["algorithm"] = None
    at_once = values["workers"]
    if values["runner"] == "algorithm":
        at_once = _tasks_at_once(environ, values["workers"])
        values["algorithm"] = algorithm_settings.load(environ, values["ml_root"], at_once)
        values["workers"] = 1
        at_once = values["algorithm"].concurrency
        values["timeout"] = values["timeout"] or contract.TIMEOUT_MAX_SECONDS
    values["timeout"] = values["timeout"] or DEFAULT_TIMEOUT_SECONDS
    share = max(1, machine.cpus() // at_once)
    values["thread_pools"] = {n: str(share) for n in THREAD_POOL_VARIABLES if not environ.get(n)}
    assert values.keys() == {field.name for field in fields(Settings)}
    settings = Settings(**values)
    _refuse_contradictions(settings)
    return settings


def ml_root(environ: Mapping[str, str]) -> Path:
    """ML_ROOT alone, for telling there that the rest could not be read; the default where it is malformed."""
    try:
        return Path(_ML_ROOT.value(environ))
    except StartError:
        return contract.DEFAULT_ML_ROOT


def unknown_names(environ: Mapping[str, str]) -> list[str]:
    """A sentence for each variable named like ours that nothing reads: most likely a slip of the pen."""
    import difflib  # for a start that has to tell something

    known = [name for row in (*VARIABLES, *algorithm_settings.VARIABLES) for name in row.names]
    sentences = []
    for name in sorted(environ):
        if name.startswith(_OURS) and name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            sentences.append(f"{name} is set, but nothing reads it.{hint}")
    return sentences


def _tasks_at_once(environ: Mapping[str, str], workers: int) -> int:
    """How many tasks at once MODEL_SERVER_WORKERS asks of the algorithm runner, which is one process.

    `auto` asks for one: how many tasks fit is not known from the CPUs, since each program may use them all.
    """
    row = next(row for row in VARIABLES if row.field == "workers")
    name = row.set_in(environ)
    return 1 if name is None or environ[name] == "auto" else workers


def _refuse_contradictions(settings: Settings) -> None:
    if settings.worker_class == "gevent" and settings.algorithm is not None:
        raise StartError(
            "MODEL_SERVER_WORKER_CLASS", "'gevent' is for Python models only.", "Unset it, or say 'gthread'."
        )
    if settings.model.golden_request is not None and settings.algorithm is not None:
        raise StartError("MODEL_SERVER_GOLDEN_REQUEST", "it is for Python models only.", "Unset it.")
    if settings.worker_class == "gevent" and settings.model.threads is not None:
        raise StartError(
            "MODEL_SERVER_THREADS",
            f"'{settings.model.threads}' contradicts MODEL_SERVER_WORKER_CLASS 'gevent', which has none.",
            "Unset one of the two.",
        )
    delay_ms = settings.model.max_batch_delay_ms
    if delay_ms > settings.timeout * 1000 / 2:
        raise StartError(
            "MODEL_SERVER_MAX_BATCH_DELAY_MS",
            f"'{delay_ms}' is more than half of MODEL_SERVER_TIMEOUT '{settings.timeout}':"
            " a request would wait for others until it is too late to compute it.",
            "Lower it, or raise MODEL_SERVER_TIMEOUT.",
        )
    payload, concurrency = settings.batch_payload_mb, settings.batch_concurrency
    if payload is not None and payload > settings.max_payload_mb:
        raise StartError(
            "SAGEMAKER_MAX_PAYLOAD_IN_MB",
            f"'{payload}' is more than MODEL_SERVER_MAX_PAYLOAD_MB '{settings.max_payload_mb}' lets in.",
            "Raise MODEL_SERVER_MAX_PAYLOAD_MB, or lower the job's MaxPayloadInMB.",
        )
    if payload and concurrency and payload * concurrency > contract.BATCH_PRODUCT_MAX_MB:
        raise StartError(
            "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS",
            f"'{concurrency}' times SAGEMAKER_MAX_PAYLOAD_IN_MB '{payload}' is more than"
            f" {contract.BATCH_PRODUCT_MAX_MB} MB.",
            "Lower one of the two.",
        )
