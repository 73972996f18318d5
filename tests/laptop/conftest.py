"""One emulator for all tests of the laptop, for it takes seconds to start; each test has names of its own."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from tests.support.emulator import EmulatorProcess

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatorProcess]:
    process = EmulatorProcess(tmp_path_factory.mktemp("emulator"))
    yield process
    process.close()


@pytest.fixture
def name() -> str:
    """A name that no other test has, for a job and for a bucket."""
    return f"job-{next(_numbers)}"
