"""Clients that have no walk in docs/emulator.md, unchanged."""

from __future__ import annotations

from pathlib import Path

from tests.support import clients
from tests.support.emulator import JOBS, EmulatorProcess


def test_a_task_of_simple_sagemaker(emulator: EmulatorProcess, tmp_path: Path) -> None:
    python = clients.python(clients.SDK_2)
    image = f"host:{JOBS / 'runs_a_script.py'}"
    clients.run(emulator, [python, clients.CLIENTS / "simple.py", image, tmp_path])
    told = {path.parent.name: path.read_text() for path in tmp_path.rglob("told.txt")}
    assert told["model"] == "--column 2: 150 rows\n"
    assert set(told) == {"model", "state"}
