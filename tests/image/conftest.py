"""Servers that several tests share: one a worker class and a test file."""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from longshore_runtime import logs
from tests.support.gated import Gated, gated
from tests.support.server import Server


@pytest.fixture(scope="module", params=["gthread", "gevent"])
def worker_class(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def describe(tmp_path_factory: pytest.TempPathFactory, worker_class: str) -> Iterator[Server]:
    """Two workers whose model answers with a description of what it was given."""
    folder: Path = tmp_path_factory.mktemp("describe")
    with Server(folder, "describe", MODEL_SERVER_WORKERS=2, MODEL_SERVER_WORKER_CLASS=worker_class) as server:
        yield server


@pytest.fixture(scope="module")
def shared_gated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gated]:
    with gated(tmp_path_factory.mktemp("gated")) as one:
        yield one


@pytest.fixture
def one(shared_gated: Gated) -> Iterator[Gated]:
    """A server whose model has seen nothing yet; whatever the test did, it is served afterwards."""
    for name in ("decoded", "calls", "open"):
        (shared_gated.folder / name).unlink(missing_ok=True)
    yield shared_gated
    assert shared_gated.post("afterwards", quick=True).status_code == 200


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A TMPDIR for serve: short, because a unix socket needs that. At the end nothing may be left in it."""
    folder = Path(tempfile.mkdtemp(prefix="ls-"))
    yield folder
    folder.rmdir()


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that other users may enter, which pytest's own are not, and which no other run closes."""
    folder = Path(tempfile.mkdtemp(prefix="ls-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def caplog(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """pytest's own, for our loggers, too, which its registry has not: warnings unless a test wants more."""
    level = logs.root.level
    logs.root.setLevel(logging.DEBUG)
    caplog.handler.setLevel(logging.WARNING)
    logs.root.addHandler(caplog.handler)
    yield caplog
    logs.root.removeHandler(caplog.handler)
    logs.root.setLevel(level)
