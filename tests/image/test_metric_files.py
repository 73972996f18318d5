"""The files that metrics are counted in: prometheus_client's layout, and what becomes of a damaged one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from prometheus_client.mmap_dict import MmapedDict

from longshore_runtime import meter_files
from longshore_runtime.serving import metrics_page
from tests.support.disk import small_disk


def test_what_prometheus_client_writes_is_read_and_what_we_write_it_reads(tmp_path: Path) -> None:
    theirs = MmapedDict(str(tmp_path / "counter_1.db"))
    values = {"k" * length: length / 3 for length in range(1, 30)} | {"µ": 7.0}
    for key, value in values.items():
        theirs.write_value(key, value, 0.0)
    theirs.close()
    assert dict(meter_files.read(tmp_path / "counter_1.db")) == values
    positions = meter_files.write(tmp_path / "counter_2.db", values)
    read = list(MmapedDict.read_all_values_from_file(str(tmp_path / "counter_2.db")))
    assert [(key, value) for key, value, *_ in read] == list(values.items())
    assert [position for *_, position in read] == positions


def test_a_damaged_file_of_a_dead_worker_costs_only_what_it_held(tmp_path: Path) -> None:
    page = metrics_page.MetricsPage(tmp_path, None, list)
    dead = 2**22 + 1  # more than any pid
    meter_files.write(page.folder / f"counter_{dead}.db", {'["a", "a_total", {}, "text"]': 2.5})
    (page.folder / f"counter_{dead + 1}.db").write_bytes(b"\xff\x7f\0\0 neither length nor key")
    (page.folder / f"gauge_livesum_{dead}.db").write_bytes(b"gone")
    assert b"a_total 2.5" in page.page()
    assert list(page.folder.iterdir()) == []
    meter_files.write(page.folder / f"counter_{dead}.db", {'["a", "a_total", {}, "text"]': 1.0})
    assert b"a_total 3.5" in page.page()


def test_a_process_that_has_the_pid_of_a_dead_worker_does_not_keep_its_gauges(tmp_path: Path) -> None:
    page = metrics_page.MetricsPage(tmp_path, None, list)
    alive = os.getppid()
    meter_files.write(page.folder / f"gauge_livesum_{alive}.db", {'["a", "in_flight", {}, "text"]': 3.0})
    meter_files.write(page.folder / f"counter_{alive}.db", {'["b", "b_total", {}, "text"]': 2.0})
    told = page.page()
    assert b"b_total 2.0" in told and b"in_flight" not in told
    assert list(page.folder.iterdir()) == []


def test_a_worker_that_starts_on_a_full_disk_leaves_no_half_of_a_file(tmp_path: Path) -> None:
    with small_disk(tmp_path, "64k"):
        page = metrics_page.MetricsPage(tmp_path, None, list)
        values = {f'["a", "a_total", {{}}, "{number}"]': 1.0 for number in range(10_000)}
        with pytest.raises(OSError, match="No space left"):
            meter_files.write(page.folder / "counter_1.db", values)
        assert list(page.folder.iterdir()) == []
        assert b"longshore_workers_ready 0.0" in page.page()
