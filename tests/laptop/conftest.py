"""The engines, one emulator for all tests of the laptop, for it takes seconds to start, and the small
containers' checks."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from longshore.check.options import Options
from longshore.engines.base import Engine
from longshore.engines.docker import DockerEngine
from longshore.engines.host import HostEngine
from tests.support import docker
from tests.support.checks import check, options
from tests.support.emulator import EmulatorProcess
from tests.support.engines import BUSYBOX, Machine, left_behind, new_owner
from tests.support.faults import Checks, told
from tests.support.server import PATIENCE

_numbers = itertools.count(1)


@pytest.fixture(scope="session", autouse=True)
def no_emulator_is_left() -> Iterator[None]:
    """Ends those of tests that failed before they could close theirs."""
    yield
    for process in EmulatorProcess.running:
        process.terminate()
        process.wait(PATIENCE)


@pytest.fixture(scope="session")
def emulator() -> Iterator[EmulatorProcess]:
    # Short, unlike pytest's: the checkout's server, run as host:PATH, has unix sockets below it.
    with tempfile.TemporaryDirectory(prefix="ls-") as folder:
        process = EmulatorProcess(Path(folder))
        yield process
        process.close()


@pytest.fixture
def name() -> str:
    """A name that no other test has, for a job and for a bucket."""
    return f"job-{next(_numbers)}"


@pytest.fixture(scope="session")
def docker_engine() -> DockerEngine:
    """Docker with busybox; skips where that is not there."""
    if reason := docker.missing(BUSYBOX):
        pytest.skip(f"Docker: {reason}")
    return DockerEngine()


@pytest.fixture(scope="session")
def engines_owner() -> Iterator[str]:
    """The owner of what the tests of the engines start; at the end nothing of it may be left."""
    owner = new_owner("tests")
    yield owner
    assert not left_behind(owner)


@pytest.fixture(scope="session")
def host_engine() -> HostEngine:
    return HostEngine()


@pytest.fixture(params=["host", "docker"])
def engine(request: pytest.FixtureRequest) -> Engine:
    """Each engine in turn."""
    chosen: Engine = request.getfixturevalue(f"{request.param}_engine")
    return chosen


@pytest.fixture
def machine(engine: Engine, tmp_path: Path, engines_owner: str) -> Machine:
    """Each engine in turn, and a folder for what it runs."""
    return Machine(engine, tmp_path, engines_owner)


@pytest.fixture
def host(host_engine: HostEngine, tmp_path: Path, engines_owner: str) -> Machine:
    return Machine(host_engine, tmp_path, engines_owner)


@pytest.fixture
def docker_machine(docker_engine: DockerEngine, tmp_path: Path, engines_owner: str) -> Machine:
    return Machine(docker_engine, tmp_path, engines_owner)


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Options:
    """What the checks of the small containers are told."""
    return options(tmp_path_factory.mktemp("check"))


@pytest.fixture(scope="module")
def checked(request: pytest.FixtureRequest, given: Options) -> Iterator[Checks]:
    """The results for each container that a test of this module was selected for, by its parameter `name`:
    two at a time, since a check mostly waits."""
    selected = [item for item in request.session.items if isinstance(item, pytest.Function)]
    names = [
        str(item.callspec.params["name"])
        for item in selected
        if item.module is request.module and "checked" in item.fixturenames
    ]
    with ThreadPoolExecutor(2) as pool:
        yield {name: pool.submit(check, name, told(name, given)) for name in names}
        pool.shutdown(cancel_futures=True)
