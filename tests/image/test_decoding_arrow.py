"""Parquet and Arrow bodies to tables."""

from __future__ import annotations

import importlib
import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import longshore_runtime
from longshore_runtime.runners.model import media
from longshore_runtime.runners.model.decoding import decode
from tests.support.decoding import ARROW_FORMS, TABLE, refusal, written

pa: Any = importlib.import_module("pyarrow")
parquet: Any = importlib.import_module("pyarrow.parquet")


@pytest.mark.parametrize("kind", [*ARROW_FORMS, "application/vnd.apache.parquet"])
def test_parquet_and_arrow_are_tables(kind: str) -> None:
    data, columns, records = decode(written(TABLE, media.canonical(kind), times=2), kind)
    assert data.equals(pa.concat_tables([TABLE, TABLE]))
    assert (columns, records) == (("a", "b"), 6)


@pytest.mark.parametrize("kind", ARROW_FORMS)
def test_a_table_without_rows_keeps_its_columns(kind: str) -> None:
    data, columns, records = decode(written(TABLE.slice(0, 0), kind, times=0), kind)
    assert (data.num_rows, columns, records) == (0, ("a", "b"), 0)


@pytest.mark.parametrize("kind", ARROW_FORMS)
def test_a_table_that_is_cut_short_is_a_400(kind: str) -> None:
    body = written(TABLE, kind)
    for length in (0, 4, len(body) // 2, len(body) * 3 // 4):
        assert refusal(body[:length], kind).status == 400


def test_offsets_that_point_outside_an_arrow_table_are_a_400() -> None:
    body = written(pa.table({"a": ["abc", "def"]}), media.ARROW_STREAM)
    offsets = b"".join(n.to_bytes(4, "little") for n in (0, 3, 6))
    assert offsets in body
    assert refusal(body.replace(offsets, offsets[:8] + b"\xff\xff\xff\x7f"), media.ARROW_STREAM).status == 400


def test_rows_without_data_are_a_400() -> None:
    rows = pa.table({"a": pa.array([{}] * 1000, pa.struct([]))})
    assert "1000 rows" in refusal(written(rows, media.ARROW_STREAM), media.ARROW_STREAM).detail


def test_a_small_body_that_unpacks_to_very_much_is_a_413() -> None:
    zeros = pa.table({"a": np.zeros(2**20)})  # 8 MB
    body = written(zeros, media.ARROW_STREAM, 100, options=pa.ipc.IpcWriteOptions(compression="zstd"))
    assert len(body) < 100_000
    assert refusal(body, media.ARROW_STREAM).status == 413


@pytest.mark.parametrize("kind", ARROW_FORMS)
def test_one_batch_that_unpacks_to_very_much_is_a_413_before_it_is_unpacked(
    tmp_path: Path, kind: str
) -> None:
    zeros = pa.table({"a": np.zeros(75 * 2**20)})  # 600 MB
    file = io.BytesIO()
    if kind == media.PARQUET:
        parquet.write_table(zeros, file, use_dictionary=False, compression="zstd")
    else:
        form = pa.ipc.new_stream if kind == media.ARROW_STREAM else pa.ipc.new_file
        with form(file, zeros.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
            writer.write_table(zeros)
    body = file.getvalue()
    assert len(body) < 2 * 2**20
    script = """
import sys
from pathlib import Path
import pyarrow
from longshore_runtime.errors import RequestError
from longshore_runtime.runners.model.decoding import decode
try:
    decode(Path(sys.argv[2]).read_bytes(), sys.argv[1])
except RequestError as error:
    print(error.status, pyarrow.default_memory_pool().max_memory())
"""
    (tmp_path / "body").write_bytes(body)
    environment = os.environ | {"PYTHONPATH": str(Path(longshore_runtime.__path__[0]).parent)}
    command = [sys.executable, "-c", script, kind, str(tmp_path / "body")]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)
    status, allocated = map(int, run.stdout.split())
    assert status == 413
    assert allocated < 50 * 2**20


@pytest.mark.parametrize("kind", [media.ARROW_STREAM, media.ARROW_FILE])
@pytest.mark.parametrize("compression", [None, "lz4", "zstd"])
def test_compressed_tables_with_dictionaries_and_missing_values_are_read(
    kind: str, compression: str | None
) -> None:
    texts = pa.array(["a", None, "b" * 1000, "a"] * 100).dictionary_encode()
    table = pa.table({"t": texts, "n": pa.array([1, None, 3, 4] * 100), "l": [[1, 2], [], None, [3]] * 100})
    for rows in (table, table.slice(0, 0), table.slice(5, 7)):
        body = written(rows, kind, 2, options=pa.ipc.IpcWriteOptions(compression=compression))
        assert decode(body, kind).data.equals(pa.concat_tables([rows, rows]))


def test_where_pyarrow_is_missing_its_types_are_a_415_that_says_what_to_install() -> None:
    script = """
import sys
sys.modules["pyarrow"] = None  # what Python itself does to forbid an import
from longshore_runtime.errors import RequestError
from longshore_runtime.runners.model import decoding, encoding
for kind in ("application/x-parquet", "application/vnd.apache.arrow.stream", "image/png"):
    try:
        decoding.decode(b"x", kind)
    except RequestError as error:
        print(error.status, error.detail)
print(decoding.decode(b"1,2", "text/csv").data.tolist())
print(encoding.encode([1], "application/x-parquet, */*;q=0.1", "", None))
"""
    environment = os.environ | {"PYTHONPATH": str(Path(longshore_runtime.__path__[0]).parent)}
    command = [sys.executable, "-c", script]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)
    missing, arrow, other, csv, answer = run.stdout.splitlines()
    for line in (missing, arrow):
        assert line.startswith("415 ")
        assert "add pyarrow to container/requirements.txt" in line
    assert other.startswith("415 ")
    assert "text/csv" in other
    assert "parquet" not in other
    assert (csv, answer) == ("[[1.0, 2.0]]", "(b'[1]', 'application/json')")
