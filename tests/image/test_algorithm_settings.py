"""The algorithm runner's settings: each variable under both its names, what is refused, what chooses it."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from longshore_runtime import algorithm_settings, machine, settings
from longshore_runtime.algorithm_settings import AlgorithmSettings
from longshore_runtime.errors import StartError


def b64j(value: object) -> str:
    return base64.b64encode(json.dumps(value).encode()).decode()


# Each field: how its second name ends where it has one, a text, and the value that it stands for.
SAMPLES: dict[str, tuple[str | None, str, Any]] = {
    "command": (None, "edges {input}", "edges {input}"),
    "cmd_b64j": ("CMD_B64J", b64j(["a"]), b64j(["a"])),
    "entrypoint_b64j": ("ENTRYPOINT_B64J", b64j("a"), b64j("a")),
    "api_method": ("API_METHOD", "Invoke", "invoke"),
    "webserver_port": ("USER_WEBSERVER_PORT", "4744", 4744),
    "start_timeout_seconds": ("START_AND_HEALTH_TIMEOUT_SECONDS", "7", 7),
    "health_timeout_seconds": ("HEALTH_CHECK_CALL_TIMEOUT_SECONDS", "3", 3),
    "user": ("USER", "nobody:12", "nobody:12"),
    "set_extra_groups": ("SET_EXTRA_GROUPS", "False", False),
    "max_memory_mb": ("MAX_MEMORY_MB", "512", 512),
    "pass_environment": (None, "A, B", frozenset({"A", "B"})),
    "timeout_seconds": (None, "60", 60),
    "grace_seconds": ("SIGTERM_GRACE_SECONDS", "0", 0),
    "concurrency": (None, "3", 3),
    "wait_seconds": (None, "9", 9),
    "input_path": ("INPUT_PATH", "/in", Path("/in")),
    "output_path": ("OUTPUT_PATH", "/out", Path("/out")),
    "use_linked_input": ("USE_LINKED_INPUT", "false", False),
    "linked_input_parent": ("LINKED_INPUT_PARENT", "/links", Path("/links")),
    "work_dir": (None, "/scratch", Path("/scratch")),
    "writable_directories": ("WRITABLE_DIRECTORIES", "/a:/b:", (Path("/a"), Path("/b"))),
    "post_clean_directories": ("POST_CLEAN_DIRECTORIES", "/c", (Path("/c"),)),
    "model": ("MODEL", "s3://models/m/1.tar.gz", ("models", "m/1.tar.gz")),
    "model_dest": ("MODEL_DEST", "/weights", Path("/weights")),
    "ground_truth": ("GROUND_TRUTH", "s3://truth/t.tar", ("truth", "t.tar")),
    "ground_truth_dest": ("GROUND_TRUTH_DEST", "/truth", Path("/truth")),
    "runtime_output_bucket_name": ("RUNTIME_OUTPUT_BUCKET_NAME", "logs", "logs"),
    "runtime_output_prefix": ("RUNTIME_OUTPUT_PREFIX", "starts/1", "starts/1"),
    "transfers": ("ASYNC_CONCURRENCY", "50", 50),
    "transfer_timeout_seconds": (None, "60", 60),
    "max_files": (None, "10", 10),
    "max_input_mb": (None, "20", 20),
    "max_output_files": (None, "40", 40),
    "max_ratio": (None, "30", 30),
    "signing_key_hex": ("SIGNING_KEY_HEX", "00fF", b"\x00\xff"),
    "s3_endpoint_url": (None, "http://127.0.0.1:9000", "http://127.0.0.1:9000"),
}
PAIRS = {
    "runtime_output_bucket_name": {"ALGORITHM_RUNTIME_OUTPUT_PREFIX": "p"},
    "runtime_output_prefix": {"ALGORITHM_RUNTIME_OUTPUT_BUCKET_NAME": "b"},
}


def loaded(**environ: str) -> AlgorithmSettings:
    values = settings.load(environ)
    assert values.algorithm is not None
    return values.algorithm


def refusal(**environ: str) -> str:
    with pytest.raises(StartError) as caught:
        settings.load(environ)
    return str(caught.value)


def test_there_is_a_sample_of_every_variable() -> None:
    assert [row.field for row in algorithm_settings.VARIABLES] == list(SAMPLES)


@pytest.mark.parametrize("field", SAMPLES)
def test_a_variable_sets_its_field_under_each_of_its_names(field: str) -> None:
    alias, text, value = SAMPLES[field]
    row = next(row for row in algorithm_settings.VARIABLES if row.field == field)
    names = ["AWS_S3_ENDPOINT_URL" if field == "s3_endpoint_url" else f"ALGORITHM_{field.upper()}"]
    names += [] if alias is None else [f"GRAND_CHALLENGE_COMPONENT_{alias}"]
    assert list(row.names) == names
    program = {} if field in ("command", "cmd_b64j", "entrypoint_b64j") else {"ALGORITHM_COMMAND": "true"}
    for name in names:
        found = loaded(**{name: text}, **program, **PAIRS.get(field, {}))
        assert getattr(found, field) == value
        assert getattr(loaded(**program or {"ALGORITHM_CMD_B64J": b64j(["b"])}), field) != value


def test_our_name_counts_before_the_second_one() -> None:
    both = {"ALGORITHM_GRACE_SECONDS": "1", "GRAND_CHALLENGE_COMPONENT_SIGTERM_GRACE_SECONDS": "2"}
    assert loaded(ALGORITHM_COMMAND="true", **both).grace_seconds == 1


def test_without_any_variable_but_a_program_the_defaults_hold() -> None:
    found = loaded(ALGORITHM_COMMAND="true")
    assert (found.api_method, found.concurrency, found.wait_seconds) == ("exec", 1, 1)
    assert (found.timeout_seconds, found.grace_seconds, found.transfers) == (3600, 5, 16)
    assert (found.model, found.signing_key_hex, found.fixed_folders) == (None, b"", False)
    assert found.model_dest == Path("/opt/ml/model")
    assert Path("/opt/ml/checkpoints") in found.writable_directories
    assert found.post_clean_directories == ()


def test_outside_the_image_no_folder_is_opened_unasked() -> None:
    assert loaded(ALGORITHM_COMMAND="true", ML_ROOT="/home/me/ml").writable_directories == ()


@pytest.mark.parametrize(
    ("environ", "chosen"),
    [
        ({}, "model"),
        ({"RUNNER": "model", "ALGORITHM_COMMAND": "true"}, "model"),
        ({"RUNNER": "algorithm", "ALGORITHM_COMMAND": "true"}, "algorithm"),
        ({"ALGORITHM_COMMAND": "true"}, "algorithm"),
        ({"ALGORITHM_CMD_B64J": b64j(["a"])}, "algorithm"),
        ({"ALGORITHM_ENTRYPOINT_B64J": b64j(["a"])}, "algorithm"),
        ({"GRAND_CHALLENGE_COMPONENT_CMD_B64J": b64j(["a"])}, "algorithm"),
        ({"GRAND_CHALLENGE_COMPONENT_ENTRYPOINT_B64J": b64j(["a"])}, "algorithm"),
        ({"GRAND_CHALLENGE_COMPONENT_USER": "nobody"}, "model"),
    ],
)
def test_a_program_chooses_the_algorithm_runner_and_RUNNER_decides(
    environ: dict[str, str], chosen: str
) -> None:
    values = settings.load(environ)
    assert (values.runner, values.algorithm is not None) == (chosen, chosen == "algorithm")


@pytest.mark.parametrize(
    ("environ", "fixed"),
    [
        ({"ALGORITHM_COMMAND": "true"}, False),
        ({"ALGORITHM_COMMAND": "true", "ALGORITHM_INPUT_PATH": "/in"}, True),
        ({"ALGORITHM_COMMAND": "true", "ALGORITHM_OUTPUT_PATH": "/out"}, True),
        ({"ALGORITHM_COMMAND": "true", "ALGORITHM_API_METHOD": "invoke"}, True),
        ({"ALGORITHM_CMD_B64J": b64j(["a"])}, True),
        ({"GRAND_CHALLENGE_COMPONENT_ENTRYPOINT_B64J": b64j(["a"])}, True),
    ],
)
def test_what_insists_on_one_pair_of_folders_runs_one_task_at_a_time(
    environ: dict[str, str], fixed: bool
) -> None:
    found = loaded(**environ)
    assert found.fixed_folders == fixed
    if fixed:
        paths = {str(found.input_path), str(found.output_path)}
        assert paths <= {"/input", "/output", "/in", "/out", "None"}
        assert refusal(**environ, ALGORITHM_CONCURRENCY="2").startswith("ALGORITHM_CONCURRENCY: '2' tasks")
    else:
        assert loaded(**environ, ALGORITHM_CONCURRENCY="2").concurrency == 2


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"RUNNER": "algorithm"}, "ALGORITHM_COMMAND: it is not set"),
        ({"RUNNER": "python"}, "RUNNER: 'python' is not allowed. Give `model` or `algorithm`."),
        ({"ALGORITHM_COMMAND": "a", "ALGORITHM_CMD_B64J": b64j(["a"])}, "ALGORITHM_COMMAND: ALGORITHM_CMD"),
        (
            {"ALGORITHM_COMMAND": "a", "GRAND_CHALLENGE_COMPONENT_ENTRYPOINT_B64J": b64j(["a"])},
            "ALGORITHM_COMMAND: ALGORITHM_CMD",
        ),
        (
            {"ALGORITHM_COMMAND": "a", "MODEL_SERVER_WORKER_CLASS": "gevent"},
            "MODEL_SERVER_WORKER_CLASS: 'gevent' is for Python models only",
        ),
        (
            {"ALGORITHM_COMMAND": "a", "ALGORITHM_RUNTIME_OUTPUT_PREFIX": "p"},
            "ALGORITHM_RUNTIME_OUTPUT_BUCKET_NAME: it and ALGORITHM_RUNTIME_OUTPUT_PREFIX go together",
        ),
        (
            {"ALGORITHM_COMMAND": "a", "GRAND_CHALLENGE_COMPONENT_RUNTIME_OUTPUT_BUCKET_NAME": "b"},
            "ALGORITHM_RUNTIME_OUTPUT_BUCKET_NAME: it and ALGORITHM_RUNTIME_OUTPUT_PREFIX go together",
        ),
    ],
)
def test_a_contradiction_is_refused_by_the_name_of_the_variable(
    environ: dict[str, str], message: str
) -> None:
    assert refusal(**environ).startswith(message)


@pytest.mark.parametrize("name", ["MODEL_SERVER_WORKERS", "SAGEMAKER_MODEL_SERVER_WORKERS"])
@pytest.mark.parametrize(
    ("text", "more", "at_once"),
    [
        ("1", {}, 1),
        ("3", {}, 3),
        ("auto", {}, 1),
        ("256", {}, 100),
        ("3", {"ALGORITHM_CONCURRENCY": "2"}, 2),
        ("3", {"ALGORITHM_CONCURRENCY": "1"}, 1),
        ("3", {"ALGORITHM_OUTPUT_PATH": "/out"}, 1),
        ("3", {"ALGORITHM_API_METHOD": "invoke"}, 1),
    ],
)
def test_workers_are_the_tasks_at_once_where_that_is_possible(
    name: str, text: str, more: dict[str, str], at_once: int
) -> None:
    values = settings.load({"ALGORITHM_COMMAND": "a", name: text, **more})
    assert values.algorithm is not None
    assert (values.workers, values.algorithm.concurrency) == (1, at_once)
    cpus = machine.cpus()
    assert values.thread_pools["OMP_NUM_THREADS"] == str(max(1, cpus // at_once))


@pytest.mark.parametrize(
    ("environ", "input_path", "output_path"),
    [
        ({}, None, None),
        ({"ALGORITHM_INPUT_PATH": "/in"}, Path("/in"), None),
        ({"ALGORITHM_OUTPUT_PATH": "/out"}, None, Path("/out")),
        ({"ALGORITHM_API_METHOD": "invoke", "ALGORITHM_OUTPUT_PATH": "/out"}, Path("/input"), Path("/out")),
    ],
)
def test_a_path_that_is_set_moves_no_other(
    environ: dict[str, str], input_path: Path | None, output_path: Path | None
) -> None:
    found = loaded(ALGORITHM_COMMAND="a", **environ)
    assert (found.input_path, found.output_path) == (input_path, output_path)


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("command", " "),
        ("cmd_b64j", ""),
        ("api_method", "call"),
        ("webserver_port", "0"),
        ("set_extra_groups", "yes"),
        ("max_memory_mb", "-1"),
        ("pass_environment", "A=1"),
        ("timeout_seconds", "0"),
        ("timeout_seconds", "432001"),
        ("grace_seconds", "301"),
        ("concurrency", "0"),
        ("wait_seconds", "1.5"),
        ("input_path", "input"),
        ("writable_directories", "/a:b"),
        ("model", "s3://models"),
        ("model", "https://models/m.tar.gz"),
        ("transfers", "257"),
        ("max_ratio", "0"),
        ("signing_key_hex", "abc"),
        ("s3_endpoint_url", "127.0.0.1:9000"),
    ],
)
def test_a_malformed_value_is_refused_under_the_name_that_was_set(field: str, text: str) -> None:
    row = next(row for row in algorithm_settings.VARIABLES if row.field == field)
    for name in row.names:
        message = refusal(**{"RUNNER": "algorithm", "ALGORITHM_COMMAND": "true", name: text})
        shown = "its value" if row.secret else repr(text)
        assert message == f"{name}: {shown} is not allowed. Give {row.allowed}."


def test_a_misspelt_variable_is_pointed_out() -> None:
    names = ["ALGORITHM_CONCURENCY", "GRAND_CHALLENGE_COMPONENT_MODELS"]
    assert settings.unknown_names(dict.fromkeys((*names, "ALGORITHM_USER"), "1")) == [
        "ALGORITHM_CONCURENCY is set, but nothing reads it. Did you mean ALGORITHM_CONCURRENCY?",
        "GRAND_CHALLENGE_COMPONENT_MODELS is set, but nothing reads it."
        " Did you mean GRAND_CHALLENGE_COMPONENT_MODEL?",
    ]


def test_a_malformed_signing_key_is_not_shown() -> None:
    with pytest.raises(StartError) as caught:
        settings.load({"ALGORITHM_COMMAND": "true", "ALGORITHM_SIGNING_KEY_HEX": "5ecret"})
    assert str(caught.value).startswith("ALGORITHM_SIGNING_KEY_HEX: its value is not allowed.")
    assert "5ecret" not in str(caught.value)
