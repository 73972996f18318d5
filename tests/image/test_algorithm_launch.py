"""A program that cannot be started: why, in words, with a memory limit and without."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from longshore_runtime.runners.algorithm.outcome import Reason, TaskError
from longshore_runtime.runners.algorithm.program.output import Lines
from longshore_runtime.runners.algorithm.program.process import Program, run
from longshore_runtime.runners.algorithm.program.users import Identity
from tests.support.programs import CAP_SETUID, as_root_in_a_container, program

pytestmark = pytest.mark.parametrize("memory_mb", [None, 300])
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
NOBODY = Identity(uid=65534, gid=65534, groups=())
FOREIGN_ELF = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00\xf3\x7f" + bytes(100)


def why_not(wanted: Program) -> str:
    with pytest.raises(TaskError) as caught:
        run(wanted, 60, threading.Event(), Lines(None))
    assert caught.value.reason is Reason.START
    start = f"The program {wanted.argv[0]} cannot be started: "
    assert caught.value.message.startswith(start) and caught.value.message.endswith(".")
    return caught.value.message.removeprefix(start)


def file(folder: Path, content: bytes, mode: int = 0o755) -> Path:
    path = folder / "program"
    path.write_bytes(content)
    path.chmod(mode)
    return path


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"#!/bin/sh\r\nexit 0\r\n", "its first line ends as on Windows (CRLF)"),
        (b"#!/no/such/python -u\n", "its first line asks for /no/such/python -u, which is not there"),
        (b"echo no first line\n", "a script must begin with a line such as #!/bin/sh"),
        (b"\xef\xbb\xbf#!/bin/sh\n", "a script must begin with a line such as #!/bin/sh, and nothing before"),
        (b"", "a script must begin with a line such as #!/bin/sh"),
        (FOREIGN_ELF, "it is broken, or built for another processor than this"),
    ],
    ids=["CRLF", "interpreter missing", "no #!", "BOM", "empty", "foreign"],
)
def test_a_file_that_is_no_program(content: bytes, why: str, memory_mb: int | None, tmp_path: Path) -> None:
    assert why in why_not(program(file(tmp_path, content), memory_mb=memory_mb))


def test_a_file_that_is_not_there(memory_mb: int | None, tmp_path: Path) -> None:
    assert why_not(program(tmp_path / "none", memory_mb=memory_mb)) == "there is no such file."


def test_a_file_that_is_not_executable(memory_mb: int | None, tmp_path: Path) -> None:
    wanted = program(file(tmp_path, b"#!/bin/sh\n", mode=0o644), memory_mb=memory_mb)
    assert why_not(wanted).startswith("the file is not executable")


def test_an_interpreter_that_is_not_executable(memory_mb: int | None, tmp_path: Path) -> None:
    (tmp_path / "interpreter").touch(0o644)
    wanted = program(file(tmp_path, f"#!{tmp_path}/interpreter\n".encode()), memory_mb=memory_mb)
    assert "look at the permissions of the file, its folders and its interpreter" in why_not(wanted)


def test_a_folder(memory_mb: int | None, tmp_path: Path) -> None:
    assert why_not(program(tmp_path, memory_mb=memory_mb)) == "it is a folder."


def test_it_is_looked_up_in_the_path_of_its_own_environment(memory_mb: int | None, tmp_path: Path) -> None:
    file(tmp_path, b"#!/bin/sh\nexit 9\n")
    there = program("program", PATH=str(tmp_path), memory_mb=memory_mb)
    assert run(there, 60, threading.Event(), Lines(None)).code == 9
    assert why_not(program("program", PATH="/usr/lib", memory_mb=memory_mb)) == "it is not in ['/usr/lib']."


def test_a_name_with_a_folder_is_looked_up_from_its_own_folder(memory_mb: int | None, tmp_path: Path) -> None:
    file(tmp_path, b"#!/bin/sh\nexit 9\n")
    there = program("./program", folder=tmp_path, memory_mb=memory_mb)
    assert run(there, 60, threading.Event(), Lines(None)).code == 9


def test_its_folder_is_missing(memory_mb: int | None, tmp_path: Path) -> None:
    wanted = program("/bin/true", folder=tmp_path / "none", memory_mb=memory_mb)
    assert why_not(wanted).startswith(f"its working folder {tmp_path}/none cannot be entered (No such file")


def test_arguments_that_are_too_long(memory_mb: int | None) -> None:
    assert why_not(program("/bin/true", "x" * (1 << 20), memory_mb=memory_mb)).startswith(
        "its arguments and en"
    )


@pytest.mark.parametrize("argument", ["nul\0", "\ud800"])
def test_an_argument_that_cannot_be(argument: str, memory_mb: int | None) -> None:
    assert "hold a character that none can hold" in why_not(
        program("/bin/true", argument, memory_mb=memory_mb)
    )


def test_a_variable_that_cannot_be(memory_mb: int | None) -> None:
    assert "hold a character that none can hold" in why_not(
        program("/bin/true", A="nul\0", memory_mb=memory_mb)
    )


@as_root
def test_a_program_that_the_user_may_not_run(memory_mb: int | None, tmp_path: Path) -> None:
    wanted = program(file(tmp_path, b"#!/bin/sh\n", mode=0o700), identity=NOBODY, memory_mb=memory_mb)
    assert why_not(wanted).startswith("user 65534 may not run it")


@as_root
def test_a_user_that_the_server_may_not_become(memory_mb: int | None) -> None:
    printed = as_root_in_a_container(
        f"""
        import threading
        from longshore_runtime.runners.algorithm.outcome import TaskError
        from longshore_runtime.runners.algorithm.program.output import Lines
        from longshore_runtime.runners.algorithm.program.process import run
        from longshore_runtime.runners.algorithm.program.users import Identity
        from tests.support.programs import program
        try:
            wanted = program("/bin/true", identity=Identity(uid=1, gid=2), memory_mb={memory_mb})
            run(wanted, 60, threading.Event(), Lines(None))
        except TaskError as error:
            print(error.reason, error.message)
        """,
        without=CAP_SETUID,
    )
    assert (
        "start The program /bin/true cannot be started: the server may not become user 1 with group 2"
        in printed
    )
