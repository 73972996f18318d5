"""The environment variables of the algorithm runner: rows as in settings.py, which reads them.

Each has a second name, the one under which images made for Grand Challenge already set it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from longshore_runtime import contract, parse
from longshore_runtime.errors import StartError
from longshore_runtime.variables import Variable

_DAY = 24 * 3600
CONCURRENCY_MAX = 100


def _row(
    name: str,
    default: str | None,
    allowed: str,
    read: Callable[[str], Any],
    alias: str | None = "",
    secret: bool = False,
) -> Variable:
    """A row. alias: how the other name ends where that is not `name`; None: there is no other name."""
    names = [f"ALGORITHM_{name}"]
    if alias is not None:
        names.append(f"GRAND_CHALLENGE_COMPONENT_{alias or name}")
    return Variable(name.lower(), tuple(names), default, allowed, read, secret)


def _seconds(most: int) -> tuple[str, Callable[[str], int]]:
    return f"a whole number of seconds from 1 to {most}", parse.whole_number(1, most)


def _method(text: str) -> str:
    return parse.one_of("exec", "invoke")(text.lower())


_BASE64 = "JSON in base64"
_PATHS = "absolute paths with `:` between them, or nothing"
_BOOLEAN = "`true` or `false`"
_S3_URI = "an address of the form `s3://bucket/key`"

VARIABLES = (
    # What runs
    _row("COMMAND", None, "a JSON list of texts, or a line for `/bin/sh -c`", parse.not_blank, None),
    _row("CMD_B64J", None, _BASE64, parse.not_blank),
    _row("ENTRYPOINT_B64J", None, _BASE64, parse.not_blank),
    _row("API_METHOD", "exec", "`exec` or `invoke`", _method),
    _row("WEBSERVER_PORT", "4743", "a port from 1 to 65535", parse.whole_number(1, 65535),
         "USER_WEBSERVER_PORT"),
    _row("START_TIMEOUT_SECONDS", "300", *_seconds(3600), "START_AND_HEALTH_TIMEOUT_SECONDS"),
    _row("HEALTH_TIMEOUT_SECONDS", "10", *_seconds(300), "HEALTH_CHECK_CALL_TIMEOUT_SECONDS"),
    # As whom, and how much of the machine
    _row("USER", "", "`user`, `user:group` or `:group`, as names or numbers, or nothing", str),
    _row("SET_EXTRA_GROUPS", "true", _BOOLEAN, parse.boolean),
    _row("MAX_MEMORY_MB", "0", "a whole number of MB, 0 for no limit", parse.whole_number(0, 1 << 30)),
    _row("PASS_ENVIRONMENT", "", "names of variables with commas between them, or nothing", parse.names,
         None),
    # How long, and how many
    _row("TIMEOUT_SECONDS", "3600", *_seconds(5 * _DAY), None),
    _row("GRACE_SECONDS", "5", "a whole number of seconds from 0 to 300", parse.whole_number(0, 300),
         "SIGTERM_GRACE_SECONDS"),
    _row("CONCURRENCY", None, f"a whole number from 1 to {CONCURRENCY_MAX}",
         parse.whole_number(1, CONCURRENCY_MAX), None),
    _row("WAIT_SECONDS", "1", "a whole number of seconds from 0 to 3600", parse.whole_number(0, 3600), None),
    # Folders
    _row("INPUT_PATH", None, "an absolute path", parse.absolute_path),
    _row("OUTPUT_PATH", None, "an absolute path", parse.absolute_path),
    _row("USE_LINKED_INPUT", "true", _BOOLEAN, parse.boolean),
    _row("LINKED_INPUT_PARENT", None, "an absolute path", parse.absolute_path),
    _row("WORK_DIR", None, "an absolute path", parse.absolute_path, None),
    _row("WRITABLE_DIRECTORIES", None, _PATHS, parse.absolute_paths),
    _row("POST_CLEAN_DIRECTORIES", "", _PATHS, parse.absolute_paths),
    # Fetched once, at the start
    _row("MODEL", None, _S3_URI, parse.s3_uri),
    _row("MODEL_DEST", None, "an absolute path", parse.absolute_path),
    _row("GROUND_TRUTH", None, _S3_URI, parse.s3_uri),
    _row("GROUND_TRUTH_DEST", None, "an absolute path", parse.absolute_path),
    _row("RUNTIME_OUTPUT_BUCKET_NAME", None, "a bucket's name or an access point's ARN", parse.not_blank),
    _row("RUNTIME_OUTPUT_PREFIX", None, "a prefix of keys", parse.not_blank),
    # Transfers
    _row("TRANSFERS", "16", "a whole number from 1 to 256", parse.whole_number(1, 256), "ASYNC_CONCURRENCY"),
    _row("TRANSFER_TIMEOUT_SECONDS", "3600", *_seconds(5 * _DAY), None),
    _row("MAX_FILES", "100000", "a whole number from 1 to 10000000", parse.whole_number(1, 10_000_000), None),
    _row("MAX_INPUT_MB", "0", "a whole number of MB, 0 for what the disk holds",
         parse.whole_number(0, 1 << 30), None),
    _row("MAX_OUTPUT_FILES", "1000000", "a whole number from 1 to 10000000",
         parse.whole_number(1, 10_000_000), None),
    _row("MAX_RATIO", "200", "a whole number from 1 to 100000", parse.whole_number(1, 100_000), None),
    _row("SIGNING_KEY_HEX", "", "an even number of hexadecimal digits, or nothing", bytes.fromhex,
         secret=True),
    Variable("s3_endpoint_url", ("AWS_S3_ENDPOINT_URL",), None, "a URL", parse.url),
)  # fmt: skip  # a table is read by its columns


@dataclass(frozen=True)
class AlgorithmSettings:
    """The values of VARIABLES, by field; None where a variable has no default and is not set.

    input_path, output_path: None where each task has a folder of its own for that.
    fixed_folders: whether the program insists on one of them, so that one task runs at a time.
    workers: the tasks at once that MODEL_SERVER_WORKERS asks for, heeded or not.
    """

    command: str | None
    cmd_b64j: str | None
    entrypoint_b64j: str | None
    api_method: str
    webserver_port: int
    start_timeout_seconds: int
    health_timeout_seconds: int
    user: str
    set_extra_groups: bool
    max_memory_mb: int
    pass_environment: frozenset[str]
    timeout_seconds: int
    grace_seconds: int
    concurrency: int
    wait_seconds: int
    input_path: Path | None
    output_path: Path | None
    use_linked_input: bool
    linked_input_parent: Path
    work_dir: Path | None
    writable_directories: tuple[Path, ...]
    post_clean_directories: tuple[Path, ...]
    model: tuple[str, str] | None
    model_dest: Path
    ground_truth: tuple[str, str] | None
    ground_truth_dest: Path
    runtime_output_bucket_name: str | None
    runtime_output_prefix: str | None
    transfers: int
    transfer_timeout_seconds: int
    max_files: int
    max_input_mb: int
    max_output_files: int
    max_ratio: int
    signing_key_hex: bytes
    s3_endpoint_url: str | None
    fixed_folders: bool
    workers: int


def chosen_by(environ: Mapping[str, str]) -> bool:
    """Whether a program is named, which chooses the algorithm runner."""
    return any(row.set_in(environ) for row in VARIABLES if row.field in _PROGRAM)


_PROGRAM = ("command", "cmd_b64j", "entrypoint_b64j")


def load(environ: Mapping[str, str], ml_root: Path, workers: int = 1) -> AlgorithmSettings:
    """Read all of VARIABLES; raises StartError naming the variable, its value and what is allowed.

    workers: how many tasks at once MODEL_SERVER_WORKERS asks for. ALGORITHM_CONCURRENCY counts before it,
    and a program with fixed folders does one task at a time, however many workers a template sets.
    """
    values = {row.field: row.value(environ) for row in VARIABLES}
    if not values["command"] or values["api_method"] == "invoke":
        values["input_path"] = values["input_path"] or Path("/input")
        values["output_path"] = values["output_path"] or Path("/output")
    values["fixed_folders"] = bool(values["input_path"] or values["output_path"])
    values["workers"] = workers
    if values["concurrency"] is None:
        values["concurrency"] = 1 if values["fixed_folders"] else min(workers, CONCURRENCY_MAX)
    _refuse_contradictions(values)
    _refuse_to_empty_much(values)
    values["linked_input_parent"] = values["linked_input_parent"] or ml_root / "input" / "data"
    if values["writable_directories"] is None:
        inside = ("output/data", "model", "input/data/ground_truth", "checkpoints")
        in_image = ml_root == contract.DEFAULT_ML_ROOT  # elsewhere these are somebody's own folders
        values["writable_directories"] = tuple(ml_root / name for name in inside) if in_image else ()
    values["model_dest"] = values["model_dest"] or ml_root / "model"
    values["ground_truth_dest"] = values["ground_truth_dest"] or ml_root / "input" / "data" / "ground_truth"
    assert values.keys() == {field.name for field in fields(AlgorithmSettings)}
    return AlgorithmSettings(**values)


def _refuse_contradictions(values: Mapping[str, Any]) -> None:
    if not any(values[field] for field in _PROGRAM):
        raise StartError(
            "ALGORITHM_COMMAND", "it is not set, so there is no program to run.", "Set it, or unset RUNNER."
        )
    if values["command"] and (values["cmd_b64j"] or values["entrypoint_b64j"]):
        raise StartError(
            "ALGORITHM_COMMAND",
            "ALGORITHM_CMD_B64J or ALGORITHM_ENTRYPOINT_B64J names a program, too.",
            "Unset one of them.",
        )
    if values["concurrency"] > 1 and values["fixed_folders"]:
        raise StartError(
            "ALGORITHM_CONCURRENCY",
            f"'{values['concurrency']}' tasks at once need folders of their own, but this program has but one"
            " input and one output folder: an image's own CMD or ENTRYPOINT, ALGORITHM_INPUT_PATH,"
            " ALGORITHM_OUTPUT_PATH and ALGORITHM_API_METHOD=invoke mean that.",
            "Name the program by ALGORITHM_COMMAND, with {input} and {output} in it, or unset this.",
        )
    if bool(values["runtime_output_bucket_name"]) != bool(values["runtime_output_prefix"]):
        raise StartError(
            "ALGORITHM_RUNTIME_OUTPUT_BUCKET_NAME",
            "it and ALGORITHM_RUNTIME_OUTPUT_PREFIX go together, but one is missing.",
            "Set both or neither.",
        )


def _refuse_to_empty_much(values: Mapping[str, Any]) -> None:
    """These folders are emptied: none may be the root, nor may one hold another."""
    named = [("ALGORITHM_INPUT_PATH", values["input_path"]), ("ALGORITHM_OUTPUT_PATH", values["output_path"])]
    named += [("ALGORITHM_POST_CLEAN_DIRECTORIES", path) for path in values["post_clean_directories"]]
    for name, path in named:
        if path is not None and path.resolve() == Path("/"):
            raise StartError(
                name, "it is the root of the file system, and would be emptied.", "Name a folder."
            )
    (_, one), (_, other), *_ = named
    if one and other and (one.is_relative_to(other) or other.is_relative_to(one)):
        raise StartError(
            "ALGORITHM_OUTPUT_PATH", f"{other} and ALGORITHM_INPUT_PATH {one} overlap.", "Name two folders."
        )
