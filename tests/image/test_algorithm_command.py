"""The program's arguments and environment: Docker's CMD and ENTRYPOINT, and what a program must not see."""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path

import pytest

from longshore_runtime.errors import StartError
from longshore_runtime.runners.algorithm.program.command import (
    environment,
    from_image,
    from_text,
    substituted,
)
from longshore_runtime.runners.algorithm.program.users import Identity

SHELL = ("/bin/sh", "-c")
NONE = object()  # the variable is not set


def b64j(value: object) -> str | None:
    return None if value is NONE else base64.b64encode(json.dumps(value).encode()).decode()


# The columns of the table in Docker's reference on how CMD and ENTRYPOINT interact: ENTRYPOINT is not there,
# in the shell form, in the exec form. Its rows are the cases of CMD.
ENTRYPOINTS = (NONE, "exec_entry p1_entry", ["exec_entry", "p1_entry"])


@pytest.mark.parametrize(
    ("cmd", "expected"),
    [
        (NONE, (None, (*SHELL, "exec_entry p1_entry"), ("exec_entry", "p1_entry"))),
        (
            ["exec_cmd", "p1_cmd"],
            (
                ("exec_cmd", "p1_cmd"),
                (*SHELL, "exec_entry p1_entry"),
                ("exec_entry", "p1_entry", "exec_cmd", "p1_cmd"),
            ),
        ),
        (
            ["p1_cmd", "p2_cmd"],
            (
                ("p1_cmd", "p2_cmd"),
                (*SHELL, "exec_entry p1_entry"),
                ("exec_entry", "p1_entry", "p1_cmd", "p2_cmd"),
            ),
        ),
        (
            "exec_cmd p1_cmd",
            (
                (*SHELL, "exec_cmd p1_cmd"),
                (*SHELL, "exec_entry p1_entry"),
                ("exec_entry", "p1_entry", *SHELL, "exec_cmd p1_cmd"),
            ),
        ),
    ],
)
def test_cmd_and_entrypoint_make_what_dockers_table_says(
    cmd: object, expected: tuple[tuple[str, ...] | None, ...]
) -> None:
    for entrypoint, argv in zip(ENTRYPOINTS, expected, strict=True):
        if argv is None:
            with pytest.raises(StartError, match="no program to run") as caught:
                from_image(b64j(cmd), b64j(entrypoint))
            assert caught.value.where == "ALGORITHM_CMD_B64J, ALGORITHM_ENTRYPOINT_B64J"
        else:
            assert from_image(b64j(cmd), b64j(entrypoint)) == argv


@pytest.mark.parametrize("absent", [None, "", " \n", b64j(None), b64j([]), b64j("")])
def test_null_and_empty_count_as_absent(absent: str | None) -> None:
    assert from_image(b64j(["program"]), absent) == ("program",)
    assert from_image(absent, b64j(["program"])) == ("program",)
    with pytest.raises(StartError, match="both are empty"):
        from_image(absent, absent)


def test_base64_may_be_broken_into_lines() -> None:
    text = b64j(["program", "x" * 100])
    assert text is not None
    assert from_image(f"{text[:76]}\n{text[76:]}\n", None) == ("program", "x" * 100)


@pytest.mark.parametrize(
    "text",
    [
        "*not base64*",
        "YQ=",
        base64.b64encode(b"not JSON").decode(),
        base64.b64encode(b"[" * 100_000).decode(),
        base64.b64encode(b'["\xff"]').decode(),
        base64.b64encode(b'["\\ud800"]').decode(),
        b64j(3),
        b64j({"a": "b"}),
        b64j(["a", 1]),
        b64j([["a"]]),
        b64j(["a\0b"]),
    ],
)
def test_what_is_no_command_is_refused_and_the_variable_named(text: str) -> None:
    with pytest.raises(StartError) as caught:
        from_image(text, None)
    assert caught.value.where == "ALGORITHM_CMD_B64J"
    with pytest.raises(StartError) as caught:
        from_image(b64j(["program"]), text)
    assert caught.value.where == "ALGORITHM_ENTRYPOINT_B64J"
    assert caught.value.remedy


def test_an_empty_name_of_a_program_is_refused_and_an_empty_argument_is_not() -> None:
    for cmd, entrypoint in (["", "x"], None), (["x"], [""]):
        with pytest.raises(StartError, match="no program to run"):
            from_image(b64j(cmd), b64j(entrypoint))
    assert from_image(b64j(["", "x"]), b64j(["program"])) == ("program", "", "x")


@pytest.mark.parametrize(
    ("text", "argv"),
    [
        ('["program", "--in", "{input}"]', ("program", "--in", "{input}")),
        (' ["program"] ', ("program",)),
        ("program --in {input}", (*SHELL, "program --in {input}")),
        ('"program"', (*SHELL, '"program"')),
    ],
)
def test_a_command_is_a_json_list_or_a_line_for_the_shell(text: str, argv: tuple[str, ...]) -> None:
    assert from_text(text) == argv


@pytest.mark.parametrize(
    "text", ["", "  ", "[", "[]", '["a", 1]', '["a"', '[""]', "[ -f x ] && y", '["a\\u0000"]', "a\0"]
)
def test_a_malformed_command_is_refused(text: str) -> None:
    with pytest.raises(StartError) as caught:
        from_text(text)
    assert caught.value.where == "ALGORITHM_COMMAND"


def test_the_folders_are_put_into_any_argument_as_they_are_and_other_braces_stay() -> None:
    argv = ("program", "--in={input}", "{input}{output}", "{INPUT} {} {x} ${input}", "{{output}}")
    assert substituted(argv, Path("/a b"), Path("/o")) == (
        "program",
        "--in=/a b",
        "/a b/o",
        "{INPUT} {} {x} $/a b",
        "{/o}",
    )


def test_a_folders_own_name_is_not_substituted_again() -> None:
    assert substituted(("{input}",), Path("/{output}"), Path("/o")) == ("/{output}",)


def test_in_a_text_for_the_shell_a_folder_stays_one_word() -> None:
    folder = Path("/data/it's; echo $HOME")
    argv = substituted(from_text("printf '<%s>' {input} x"), folder, Path("/o"))
    assert subprocess.run(argv, capture_output=True, text=True, check=True).stdout == f"<{folder}><x>"


def test_a_shell_behind_an_entrypoint_is_a_shell_too() -> None:
    argv = from_image(b64j("printf '<%s>' {output}"), b64j(["env", "A={output}"]))
    argv = substituted(argv, Path("/i"), Path("/a b"))
    assert argv[1] == "A=/a b"
    assert subprocess.run(argv, capture_output=True, text=True, check=True).stdout == "</a b>"


@pytest.mark.parametrize(
    "name",
    [
        "ALGORITHM_COMMAND",
        "ALGORITHM_SIGNING_KEY_HEX",
        "GRAND_CHALLENGE_COMPONENT_SIGNING_KEY_HEX",
        "Grand_Challenge_x",
        "MODEL_SERVER_WORKERS",
        "LONGSHORE_X",
        "RUNNER",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "aws_secret_access_key",
        "AWS_SESSION_TOKEN",
        "AWS_SECURITY_TOKEN",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_ROLE_ARN",
        "AWS_PROFILE",
        "AWS_SHARED_CREDENTIALS_FILE",
        "AWS_CONFIG_FILE",
        "PROMETHEUS_MULTIPROC_DIR",
        "SERVER_SOFTWARE",
    ],
)
def test_settings_and_credentials_are_withheld_unless_allowed_by_name(name: str) -> None:
    ours = {name: "secret", "PATH": "/bin"}
    assert environment(ours, frozenset(), Identity(), added={}) == {"PATH": "/bin"}
    assert environment(ours, frozenset({name}), Identity(), added={}) == ours
    assert environment(ours, frozenset({name[:-1]}), Identity(), added={}) == {"PATH": "/bin"}


def test_everything_else_reaches_the_program() -> None:
    ours = {
        "AWS_REGION": "eu-west-1",
        "AWS_S3_ENDPOINT_URL": "http://s3",
        "https_proxy": "http://proxy",
        "SM_X": "1",
        "LD_LIBRARY_PATH": "/usr/local/cuda/lib64",
        "HOME": "/root",
        "": "",
    }
    assert environment(ours, frozenset(), Identity(), added={}) == ours


def test_the_library_path_of_the_image_is_restored_and_home_is_the_users() -> None:
    ours = {"LD_LIBRARY_PATH": "/ours", "LD_LIBRARY_PATH_ORIG": "/the/images", "HOME": "/root"}
    found = environment(ours, frozenset(), Identity(uid=1, home="/home/app"), added={})
    assert (found["LD_LIBRARY_PATH"], found["HOME"]) == ("/the/images", "/home/app")


def test_what_is_added_comes_last_and_ours_stays_as_it_was() -> None:
    ours = {"A": "1", "ALGORITHM_PROGRESS": "old"}
    added = {"A": "2", "ALGORITHM_PROGRESS": "/progress"}
    assert environment(ours, frozenset(), Identity(home="/h"), added=added) == {**added, "HOME": "/h"}
    assert ours == {"A": "1", "ALGORITHM_PROGRESS": "old"}
