"""Settings: every variable, its aliases, its refusals."""

from __future__ import annotations

import logging
import subprocess
from pathlib import Path

import pytest

from longshore_runtime import machine, settings
from longshore_runtime.errors import StartError
from tests.support.server import SERVE, environment


def refusal(**environ: str) -> str:
    with pytest.raises(StartError) as caught:
        settings.load(environ)
    return str(caught.value)


def test_without_any_variable_the_defaults_hold() -> None:
    values = settings.load({})
    assert values.workers == machine.cpus()
    assert (values.timeout, values.port, values.max_payload_mb) == (60, 8080, 100)
    assert (values.ml_root, values.model_dir) == (Path("/opt/ml"), Path("/opt/ml/model"))
    assert values.log_level == logging.INFO


@pytest.mark.parametrize(
    ("name", "value", "field", "expected"),
    [
        ("MODEL_SERVER_WORKERS", "3", "workers", 3),
        ("SAGEMAKER_MODEL_SERVER_WORKERS", "3", "workers", 3),
        ("MODEL_SERVER_TIMEOUT", "5", "timeout", 5),
        ("SAGEMAKER_MODEL_SERVER_TIMEOUT", "5", "timeout", 5),
        ("MODEL_SERVER_WORKER_CLASS", "gevent", "worker_class", "gevent"),
        ("MODEL_SERVER_MAX_PAYLOAD_MB", "1024", "max_payload_mb", 1024),
        ("MODEL_SERVER_HOST", "127.0.0.2", "host", "127.0.0.2"),
        ("LOG_LEVEL", "debug", "log_level", logging.DEBUG),
        ("SAGEMAKER_CONTAINER_LOG_LEVEL", "40", "log_level", logging.ERROR),
        ("SAGEMAKER_BIND_TO_PORT", "9000", "port", 9000),
        ("SM_MODEL_DIR", "/models/one", "model_dir", Path("/models/one")),
        (
            "SAGEMAKER_SUBMIT_DIRECTORY",
            "file:///opt/ml/model/code",
            "submit_directory",
            Path("/opt/ml/model/code"),
        ),
        ("SAGEMAKER_PROGRAM", "mine.py", "program", "mine.py"),
        ("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", "text/csv", "default_accept", "text/csv"),
        ("SAGEMAKER_BATCH_STRATEGY", "SingleRecord", "batch_strategy", "SINGLE_RECORD"),
        ("SAGEMAKER_MAX_PAYLOAD_IN_MB", "0", "batch_payload_mb", 0),
        ("SAGEMAKER_MAX_CONCURRENT_TRANSFORMS", "4", "batch_concurrency", 4),
        ("SAGEMAKER_MAX_CONCURRENT_TRANSFORMS", "0", "batch_concurrency", None),
    ],
)
def test_a_variable_sets_its_field(name: str, value: str, field: str, expected: object) -> None:
    assert getattr(settings.load({name: value}), field) == expected


@pytest.mark.parametrize(
    ("name", "value", "field", "expected"),
    [
        ("MODEL_SERVER_THREADS", "9", "threads", 9),
        ("MODEL_SERVER_MAX_QUEUE", "7", "max_queue", 7),
        ("MODEL_SERVER_MAX_BODIES_MB", "7", "max_bodies_mb", 7),
        ("MODEL_SERVER_PREDICT_CONCURRENCY", "3", "concurrency", 3),
        ("MODEL_SERVER_MAX_BATCH_SIZE", "5", "max_batch_size", 5),
        ("MODEL_SERVER_MAX_BATCH_DELAY_MS", "20", "max_batch_delay_ms", 20),
        ("MODEL_SERVER_LATENCY_TARGET_MS", "50", "latency_target_ms", 50),
    ],
)
def test_a_variable_of_the_queue_sets_its_field(name: str, value: str, field: str, expected: int) -> None:
    assert getattr(settings.load({name: value}).model, field) == expected


def test_the_golden_request_is_a_word_or_a_file_of_a_known_kind() -> None:
    name = "MODEL_SERVER_GOLDEN_REQUEST"
    assert settings.load({name: "example"}).model.golden_request == "example"
    assert settings.load({name: "/a/b.csv"}).model.golden_request == Path("/a/b.csv")
    for text in ("", "csv", "/a/b.xlsx", "/a/b"):
        assert "Give `example`, or the path of a file whose name ends in .csv, .json" in refusal(
            **{name: text}
        )
    assert "for Python models only" in refusal(**{name: "example", "ALGORITHM_COMMAND": "true"})


def test_threads_that_are_set_leave_one_to_refuse_what_has_no_place() -> None:
    values = settings.load({"MODEL_SERVER_THREADS": "20", "MODEL_SERVER_PREDICT_CONCURRENCY": "4"})
    assert (values.http_threads, values.model.max_queue) == (20, 15)
    message = refusal(MODEL_SERVER_THREADS="20", MODEL_SERVER_MAX_QUEUE="19")
    assert message.startswith("MODEL_SERVER_MAX_QUEUE: '19' contradicts MODEL_SERVER_THREADS '20'")


def test_without_threads_set_there_is_one_for_each_place_and_more() -> None:
    for concurrency in (1, 512):
        environ = {"MODEL_SERVER_MAX_QUEUE": "5", "MODEL_SERVER_PREDICT_CONCURRENCY": str(concurrency)}
        assert settings.load(environ).http_threads > 5 + concurrency


def test_the_model_server_name_counts_before_its_alias() -> None:
    values = settings.load({"SAGEMAKER_MODEL_SERVER_TIMEOUT": "7", "MODEL_SERVER_TIMEOUT": "8"})
    assert values.timeout == 8


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MODEL_SERVER_WORKERS", "0"),
        ("MODEL_SERVER_WORKERS", "-1"),
        ("MODEL_SERVER_WORKERS", "1.5"),
        ("MODEL_SERVER_WORKERS", "two"),
        ("MODEL_SERVER_WORKERS", ""),
        ("MODEL_SERVER_WORKERS", "٣"),
        ("MODEL_SERVER_TIMEOUT", "0"),
        ("MODEL_SERVER_TIMEOUT", "60s"),
        ("MODEL_SERVER_TIMEOUT", "3601"),
        ("SAGEMAKER_MODEL_SERVER_TIMEOUT", "never"),
        ("MODEL_SERVER_WORKER_CLASS", "sync"),
        ("MODEL_SERVER_THREADS", "0"),
        ("MODEL_SERVER_MAX_QUEUE", "0"),
        ("MODEL_SERVER_PREDICT_CONCURRENCY", "many"),
        ("MODEL_SERVER_MAX_BATCH_SIZE", "0"),
        ("MODEL_SERVER_MAX_BATCH_DELAY_MS", "-1"),
        ("MODEL_SERVER_LATENCY_TARGET_MS", "0"),
        ("MODEL_SERVER_MAX_PAYLOAD_MB", "1025"),
        ("MODEL_SERVER_HOST", "localhost"),
        ("LOG_LEVEL", "LOUD"),
        ("LOG_LEVEL", "15"),
        ("SAGEMAKER_BIND_TO_PORT", "65536"),
        ("ML_ROOT", " "),
        ("SM_MODEL_DIR", "model"),
        ("SAGEMAKER_SUBMIT_DIRECTORY", "s3://bucket/code.tar.gz"),
        ("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", "*/*"),
        ("SAGEMAKER_BATCH_STRATEGY", "ALL"),
        ("SAGEMAKER_MAX_PAYLOAD_IN_MB", "101"),
        ("SAGEMAKER_MAX_CONCURRENT_TRANSFORMS", "101"),
    ],
)
def test_a_malformed_value_is_refused_with_name_value_and_what_is_allowed(name: str, value: str) -> None:
    allowed = next(v.allowed for v in settings.VARIABLES if name in v.names)
    assert refusal(**{name: value}) == f"{name}: {value!r} is not allowed. Give {allowed}."


def test_threads_contradict_gevent() -> None:
    message = refusal(MODEL_SERVER_WORKER_CLASS="gevent", MODEL_SERVER_THREADS="4")
    assert "MODEL_SERVER_THREADS" in message and "MODEL_SERVER_WORKER_CLASS" in message


def test_a_batch_may_wait_for_half_the_time_limit_at_most() -> None:
    timeout = {"MODEL_SERVER_TIMEOUT": "2"}
    message = refusal(MODEL_SERVER_MAX_BATCH_DELAY_MS="1001", **timeout)
    assert message.startswith("MODEL_SERVER_MAX_BATCH_DELAY_MS: '1001' is more than half of ")
    allowed = settings.load({"MODEL_SERVER_MAX_BATCH_DELAY_MS": "1000", **timeout})
    assert allowed.model.max_batch_delay_ms == 1000


def test_a_batch_payload_above_the_body_limit_is_a_contradiction() -> None:
    message = refusal(SAGEMAKER_MAX_PAYLOAD_IN_MB="50", MODEL_SERVER_MAX_PAYLOAD_MB="20")
    assert "SAGEMAKER_MAX_PAYLOAD_IN_MB: '50'" in message and "MODEL_SERVER_MAX_PAYLOAD_MB '20'" in message


def test_concurrency_times_payload_above_100_mb_is_a_contradiction() -> None:
    message = refusal(SAGEMAKER_MAX_PAYLOAD_IN_MB="50", SAGEMAKER_MAX_CONCURRENT_TRANSFORMS="3")
    assert "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS: '3'" in message


def test_the_cpus_are_shared_out_among_the_workers_as_library_threads() -> None:
    one, many = settings.load({"MODEL_SERVER_WORKERS": "1"}), settings.load({"MODEL_SERVER_WORKERS": "200"})
    assert set(one.thread_pools) == set(settings.THREAD_POOL_VARIABLES)
    assert set(one.thread_pools.values()) == {str(machine.cpus())}
    assert set(many.thread_pools.values()) == {"1"}


def test_library_threads_the_user_has_set_are_left_alone() -> None:
    pools = settings.load({"OMP_NUM_THREADS": "7"}).thread_pools
    assert "OMP_NUM_THREADS" not in pools and "MKL_NUM_THREADS" in pools


def test_outside_the_image_only_this_machine_is_let_in() -> None:
    assert settings.load({}).host == "0.0.0.0"
    assert settings.load({"ML_ROOT": "/home/me/ml"}).host == "127.0.0.1"


def test_a_misspelt_variable_is_pointed_out() -> None:
    assert settings.unknown_names({"MODEL_SERVER_WORKRES": "2", "MODEL_SERVER_WORKERS": "2"}) == [
        "MODEL_SERVER_WORKRES is set, but nothing reads it. Did you mean MODEL_SERVER_WORKERS?"
    ]


def test_serve_refuses_a_malformed_value_with_one_line_and_no_traceback() -> None:
    done = subprocess.run(
        [SERVE], env=environment(MODEL_SERVER_WORKERS="many"), capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("serve: MODEL_SERVER_WORKERS: 'many' is not allowed.")
