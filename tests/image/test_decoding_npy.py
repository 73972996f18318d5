"""NPY bodies to arrays."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from longshore_runtime.runners.model.decoding import decode
from tests.support.decoding import header, refusal, saved, with_header


@pytest.mark.filterwarnings("ignore:Stored array in format 3.0")  # said by numpy, of the last one
@pytest.mark.parametrize(
    "array",
    [
        np.arange(6.0).reshape(2, 3),
        np.asfortranarray(np.arange(6, dtype="i4").reshape(2, 3)),
        np.arange(3, dtype=">f4"),
        np.array(1.5),
        np.zeros((0, 3)),
        np.array([True, False]),
        np.array(["é", "b"]),
        np.array(["2020-01-01"], dtype="M8[D]"),
        np.zeros(2, dtype=[("a", "<f4"), ("b", "<U3")]),
        np.zeros(2, dtype=[("\N{LATIN SMALL LETTER E WITH ACUTE}", "<f4")]),  # the first version
        np.zeros(2, dtype=[("\N{GREEK SMALL LETTER OMEGA}", "<f4")]),  # the third
    ],
    ids=lambda array: f"{array.dtype}{array.shape}",
)
def test_npy_comes_back_as_it_was_native_and_writable(array: np.ndarray[Any, Any]) -> None:
    data, columns, records = decode(saved(array), "application/x-npy")
    assert data.dtype == array.dtype.newbyteorder("=")
    assert data.shape == array.shape
    assert data.tolist() == array.tolist()
    assert data.flags.writeable
    assert (columns, records) == (None, len(array) if array.ndim else 1)


@pytest.mark.parametrize("version", [1, 2, 3])
def test_every_version_of_npy_is_read(version: int) -> None:
    body = with_header(header("(2,)"), np.arange(2.0).tobytes(), version)
    assert decode(body, "application/x-npy").data.tolist() == [0, 1]


class Evil:
    """Unpickled, it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_an_npy_of_objects_is_a_400_and_nothing_in_it_runs(tmp_path: Path) -> None:
    made = tmp_path / "made"
    objects = np.array([Evil(made)], dtype=object)
    for body in (saved(objects), pickle.dumps(objects)):
        assert refusal(body, "application/x-npy").status == 400
    assert not made.exists()
    pickle.loads(pickle.dumps(objects))  # so that the pickle above is known to work
    assert made.exists()


def test_an_npz_is_no_npy() -> None:
    file = io.BytesIO()
    np.savez(file, a=np.arange(3))
    assert refusal(file.getvalue(), "application/x-npy").status == 400


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (saved(np.arange(3.0)) + b"x", "24 bytes of data, but 25 follow"),
        (saved(np.arange(3.0))[:-1], "24 bytes of data, but 23 follow"),
        (saved(np.arange(3.0))[:50], "whole NPY header"),
        (b"", "whole NPY header"),
        (b"\x93NUMPY", "whole NPY header"),
        (with_header(header("(1000000000000000,)")), "promises"),
        (with_header(header("(1000000000000000, 0)")), "records without data"),
        (with_header(header("(1000000000000000,)", "'|V0'")), "records without data"),
        (with_header(header("(1000000000000000,)", "[]")), "records without data"),
        (with_header(header("(" + "999999999999," * 700 + ")")), "700 dimensions"),
        (with_header(header("(" + "9" * 5000 + ",)")), "malformed"),
        (with_header(header("(-1,)"), b""), "malformed"),
        (with_header("-" * 9000 + "1"), "malformed"),
        (with_header("1" + "+1" * 4500), "malformed"),
        (with_header("not " * 2400 + "1"), "malformed"),
        (with_header("lambda: " * 1200 + "1"), "malformed"),
        (with_header("9" * 9000 + "!"), "malformed"),
        (with_header("(" * 9000), ""),
        (with_header("[" * 150 + "]" * 150), ""),
        (with_header("{" * 9000), ""),
        (with_header("__import__('os').abort()"), "malformed"),
        (with_header(header("(1,)", "'f8,(2'"), b"12345678"), ""),
        (with_header(header("(1,)", "'nonsense'"), b"12345678"), ""),
        (with_header(header("(True,)"), b"12345678"), "shape"),
        (with_header(header("(1,)", "'|O'"), b"12345678"), "Python objects"),
        (with_header(header("(1,)", "[('a', '|O')]"), b"12345678"), "Python objects"),
        (with_header(header("(1,)", "'<U1'"), b"\xff\xff\xff\xff"), ""),
        (with_header(header("1"), b"12345678"), "shape"),
        (with_header("{}"), "shape"),
        (with_header("(1,)"), ""),
        (with_header(" " * 20_000, version=2), "longer than"),
    ],
    ids=range(31),
)
def test_a_hostile_npy_is_a_400_and_allocates_nothing(body: bytes, reason: str) -> None:
    error = refusal(body, "application/x-npy")
    assert (error.status, reason in error.detail) == (400, True), error.detail
    assert len(error.detail) < 500
