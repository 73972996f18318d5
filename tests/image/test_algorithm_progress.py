"""The progress file: what a program says counts, what else lies there is no progress and no error."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longshore_runtime.runners.algorithm.program.progress import Progress


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"0.42 registering slice 17\n", (0.42, "registering slice 17")),
        (b"0.42\n", (0.42, "")),
        (b"1\n", (1.0, "")),
        (b".5 half\r\n", (0.5, "half")),
        (b"5e-1\thalf\n", (0.5, "half")),
        (b"0.1 first\n0.2 second\n", (0.2, "second")),
        (b"0.1 first\n0.2 sec", (0.1, "first")),  # the second line is still being written
        (b"0.1 first\nnonsense\n\n", (0.1, "first")),
        (b"7 above\n", (1.0, "above")),
        (b"-0.5 below\n", (0.0, "below")),
        (b"1e999 beyond\n", None),
        (b"nan\n", None),
        (b"inf\n", None),
        (b"42% done\n", None),
        (b"0.5done\n", None),
        (b"", None),
        (b"0.5", None),
        (b"\n\n\n", None),
        (b"0.5 caf\xe9\n", (0.5, "caf�")),
        ("0.5 café ☕\n".encode(), (0.5, "café ☕")),
        (b"0.5 \x1b[31mred\x00\x07 \ttext \r\n", (0.5, "[31mred text")),
        ("0.5 a\u202eb\u2028c\n".encode(), (0.5, "ab c")),
        (b"0.5 " + b"x" * 5000 + b"\n", (0.5, "x" * 200)),
    ],
)
def test_the_last_whole_line_that_begins_with_a_number_counts(
    tmp_path: Path, content: bytes, expected: tuple[float, str] | None
) -> None:
    (tmp_path / "progress").write_bytes(content)
    assert Progress(tmp_path / "progress").read() == expected


def test_only_the_end_of_a_huge_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "progress"
    with path.open("wb") as file:
        file.truncate(1 << 36)  # a hole: reading it whole would take 64 GiB
        file.seek(0, os.SEEK_END)
        file.write(b"\n0.75 nearly\n")
    assert Progress(path).read() == (0.75, "nearly")


def test_a_line_whose_beginning_is_cut_off_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "progress").write_bytes(b"0.1 a\n0.2 " + b"0.9 " * 100_000 + b"\n")
    assert Progress(tmp_path / "progress").read() is None


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("0.5 secret\n")
    (tmp_path / "progress").symlink_to(tmp_path / "secret")
    assert Progress(tmp_path / "progress").read() is None


def test_no_file_a_folder_a_pipe_and_a_device_are_no_progress(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "none", tmp_path / "folder", tmp_path / "pipe", Path("/dev/zero"), Path("a\0b")):
        assert Progress(path).read() is None, path


@given(content=st.binary(max_size=300) | st.text(max_size=100).map(str.encode))
@settings(max_examples=200)
def test_whatever_lies_there_is_progress_within_bounds_or_none(
    content: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "whatever"
    path.write_bytes(b"0.5 " + content + b"\n" + content)
    found = Progress(path).read()
    if found is not None:
        assert 0 <= found[0] <= 1
        assert len(found[1]) <= 200
        assert found[1].isprintable()
