"""What jobs are made of: metrics from logs, archives of folders, keys of outputs."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest

from longshore.emulator.faults import Failure
from longshore.emulator.jobs import archives, keys
from longshore.emulator.jobs.metrics import Metrics
from longshore.emulator.jobs.transform import assemble


def test_a_metric_is_the_first_group_and_the_last_value_counts() -> None:
    metrics = Metrics(
        [
            {"Name": "loss", "Regex": r"loss=([0-9.e-]+);"},
            {"Name": "validation:accuracy", "Regex": r"acc: (\S+)"},
            {"Name": "never", "Regex": "nowhere (.*)"},
        ]
    )
    assert [(m.name, m.value) for m in metrics.look_at("epoch 1 loss=0.5; acc: 0.7", 10)] == [
        ("loss", 0.5),
        ("validation:accuracy", 0.7),
    ]
    assert [m.value for m in metrics.look_at("loss=2e-1; acc: none", 11)] == [0.2]
    assert metrics.final() == [
        {"MetricName": "loss", "Value": 0.2, "Timestamp": 11},
        {"MetricName": "validation:accuracy", "Value": 0.7, "Timestamp": 10},
    ]


@pytest.mark.parametrize("text", ["nan", "-inf", "Infinity", "1e999"])
def test_what_is_no_finite_number_is_left_out(text: str) -> None:
    metrics = Metrics([{"Name": "loss", "Regex": r"loss=(\S+)"}])
    assert [m.value for m in metrics.look_at(f"loss=0.5 loss={text} loss=0.25", 10)] == [0.5, 0.25]
    assert metrics.look_at(f"loss={text}", 11) == []
    assert metrics.final() == [{"MetricName": "loss", "Value": 0.25, "Timestamp": 10}]


def test_a_malformed_expression_is_named() -> None:
    with pytest.raises(ValueError, match=r"MetricDefinitions, loss: the Regex '\(' is malformed"):
        Metrics([{"Name": "loss", "Regex": "("}])


def test_a_folder_becomes_an_archive_without_its_own_name(tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "inference.py").write_text("pass")
    (tmp_path / "model.bin").write_bytes(b"\0" * 5)
    os.mkfifo(tmp_path / "pipe")
    out = io.BytesIO()
    assert archives.pack([tmp_path], out, tmp_path) == 2
    out.seek(0)
    with tarfile.open(fileobj=out) as archive:
        assert archive.getnames() == ["code", "code/inference.py", "model.bin"]


def test_an_empty_folder_is_an_empty_archive(tmp_path: Path) -> None:
    out = io.BytesIO()
    assert archives.pack([tmp_path], out, tmp_path) == 0
    out.seek(0)
    with tarfile.open(fileobj=out) as archive:
        assert archive.getnames() == []


@pytest.mark.parametrize(
    ("inputs", "key", "output"),
    [
        ("in/", "in/a.csv", "a.csv"),
        ("in", "in/a.csv", "a.csv"),
        ("in/", "in/sub/a.csv", "sub/a.csv"),
        ("in/a.csv", "in/a.csv", "a.csv"),
        ("in/a", "in/abc.csv", "abc.csv"),
        ("", "a.csv", "a.csv"),
    ],
)
def test_files_lie_below_the_prefix(inputs: str, key: str, output: str) -> None:
    assert keys.below(inputs, key) == output


@pytest.mark.parametrize("key", ["in/../../etc/passwd", "in//etc/passwd", "in/a/.."])
def test_a_key_that_leaves_its_folder_is_refused(key: str) -> None:
    with pytest.raises(Failure, match="cannot be a file's path"):
        keys.below("in/", key)


def test_line_assembly_adds_an_end_where_there_is_none() -> None:
    spool = io.BytesIO()
    for answer in (b"a", b"b\n", b"c"):
        assemble.add(spool, answer, lines=True)
    assemble.add(spool, b"d", lines=False)
    assert spool.getvalue() == b"a\nb\nc\nd"
