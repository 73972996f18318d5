"""The Docker engine alone: images, networks, and an engine that goes away."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from longshore.engines.base import Container, Mount, NoAnswer
from longshore.engines.docker import DockerEngine
from longshore.engines.docker_container import DockerContainer
from longshore.errors import UserError
from tests.support import docker
from tests.support.docker_door import Door
from tests.support.engines import BUSYBOX, SERVER, Machine, answers, left_behind, new_owner
from tests.support.server import CHECKOUT, wait_until


def test_an_image_that_is_not_here(docker_engine: DockerEngine) -> None:
    for ask in (docker_engine.image, lambda name: docker_engine.start(Container(name))):
        with pytest.raises(UserError, match="longshore-none") as raised:
            ask("longshore-none:latest")
        assert "docker build" in raised.value.remedy and "docker pull" in raised.value.remedy


def test_what_is_known_of_an_image(docker_engine: DockerEngine, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(
        f'FROM {BUSYBOX}\nLABEL a.label=yes\nENV A=b\nUSER 12\nENTRYPOINT echo hello\nCMD ["serve"]\n'
    )
    tag = f"longshore-test-description:{os.getpid()}"
    built = docker.build(tag, tmp_path)
    assert built.returncode == 0, built.stderr
    try:
        image = docker_engine.image(tag)
    finally:
        docker.docker("rmi", tag)
    assert image.entrypoint == ("/bin/sh", "-c", "echo hello") and image.entrypoint_is_shell
    assert (image.command, image.user) == (("serve",), "12")
    assert image.labels["a.label"] == "yes" and image.environment["A"] == "b"
    assert image.operating_system == "linux" and image.architecture and (image.size or 0) > 10**6
    assert image.manifest and image.manifest.startswith("application/vnd.")
    plain = docker_engine.image(BUSYBOX)
    assert not plain.entrypoint_is_shell and plain.entrypoint is None and plain.command == ("sh",)


# The wget and nslookup of some builds of busybox break at looking names up.
_ASK = """
import time, urllib.request
while True:
    try:
        print(urllib.request.urlopen("http://algo-2:8080/", timeout=5).read().decode())
        break
    except OSError:
        time.sleep(0.05)
"""


def test_containers_on_one_network_find_each_other_by_host_name(docker_machine: Machine) -> None:
    if reason := docker.missing():
        pytest.skip(f"Docker: {reason}")
    answer = "mkdir /w; hostname > /w/index.html; exec httpd -f -p 8080 -h /w"
    ask = Container(
        docker.BASE_IMAGE,
        ("python3", "-c", _ASK),
        network="job",
        host_name="algo-1",
        owner=docker_machine.owner,
    )
    with docker_machine.running(answer, network="job", host_name="algo-2"):
        one = docker_machine.engine.start(ask)
        try:
            assert one.wait(30) == 0
            assert next(line.text for line in one.lines()) == "algo-2"
        finally:
            one.remove()
    label = f"label=longshore.owner={docker_machine.owner}"
    assert not docker.docker("network", "ls", "--quiet", "--filter", label).stdout, "it went with the last"


def test_isolated_with_a_port_it_answers_on_a_network_that_leads_nowhere(docker_machine: Machine) -> None:
    with docker_machine.running(SERVER, port=8080, isolated=True) as started:
        wait_until(lambda: answers(started), "an answer", 20)
        (network,) = docker.inspect(started.name)["NetworkSettings"]["Networks"]
        assert json.loads(docker.docker("network", "inspect", network).stdout)[0]["Internal"]


def test_a_folder_that_is_not_there(docker_machine: Machine, tmp_path: Path) -> None:
    owner = new_owner("nofolder")
    with pytest.raises(UserError, match="no-such-folder"):
        docker_machine.engine.start(
            Container(BUSYBOX, mounts=(Mount(tmp_path / "no-such-folder", "/opt/ml"),), owner=owner)
        )
    assert not left_behind(owner)


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    opened = Door(tmp_path / "door")
    yield opened
    opened.open()  # for what a test that failed has left, which goes at the end


@pytest.fixture
def behind(docker_engine: DockerEngine, door: Door) -> DockerEngine:
    """The engine as it is reached through the door."""
    engine = DockerEngine()
    with pytest.MonkeyPatch.context() as changed:
        changed.setenv("DOCKER_HOST", door.address)
        assert engine.missing() is None
    return engine


@pytest.mark.parametrize("isolated", [False, True])
def test_one_that_ends_before_its_address_is_asked_for_has_none_where_another_answers(
    behind: DockerEngine, door: Door, isolated: bool
) -> None:
    """The empty one would be this machine's, with whatever listens on that port here."""
    owner = new_owner("brief")
    wanted = Container(BUSYBOX, arguments=("true",), owner=owner, isolated=isolated, port=8080)
    door.jams_after = re.compile(rb"POST \S*/containers/\S+/start ")
    ended = ("ps", "--quiet", "--filter", f"label=longshore.owner={owner}", "--filter", "status=exited")
    with ThreadPoolExecutor(1) as pool:
        starting = pool.submit(behind.start, wanted)
        wait_until(lambda: docker.docker(*ended).stdout, "its end")
        door.jams_after = None
        door.free()
        started = starting.result()
    assert started.address == ("127.0.0.1", 0)
    started.remove()
    assert not left_behind(owner)


@pytest.mark.parametrize("end", [("kill",), ("rm", "--force")], ids=["ended", "removed"])
def test_a_container_that_ends_while_the_engine_is_asked_about_it(
    behind: DockerEngine, door: Door, end: tuple[str, ...]
) -> None:
    owner = new_owner("ends")
    cases: tuple[tuple[Callable[[DockerContainer], object], bytes, object], ...]
    cases = ((DockerContainer.pids, b"/json", []), (DockerContainer.memory_bytes, b"/stats", None))
    for ask, request, answer in cases:
        started = behind.start(Container(BUSYBOX, arguments=("sleep", "600"), owner=owner))
        door.jam()
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(ask, started)
            wait_until(lambda request=request: door.holds(request), "a request about a running container")
            docker.docker(*end, started.name)
            door.free()
            assert asked.result() == answer
        started.remove()
    assert not left_behind(owner)


def test_a_container_that_was_removed_after_its_end_has_no_process_and_no_memory(
    docker_engine: DockerEngine,
) -> None:
    owner = new_owner("removed")
    started = docker_engine.start(Container(BUSYBOX, arguments=("true",), owner=owner))
    assert started.wait(20) == 0
    docker.docker("rm", started.name)
    assert (started.pids(), started.memory_bytes(), started.out_of_memory()) == ([], None, False)
    started.signal(15)
    started.remove()
    assert not left_behind(owner)


def test_what_the_engine_refuses_says_what_to_do(docker_engine: DockerEngine) -> None:
    owner = new_owner("refused")
    with pytest.raises(UserError, match=r"Docker reports an error: .*no-such-program") as raised:
        docker_engine.start(Container(BUSYBOX, entrypoint=("no-such-program",), owner=owner))
    assert raised.value.remedy.startswith("Fix the cause that Docker names, and try again")
    assert not left_behind(owner)


def test_an_engine_that_stops_halfway_is_said_at_once(behind: DockerEngine, door: Door) -> None:
    owner = new_owner("halfway")
    started = behind.start(Container(BUSYBOX, arguments=("sleep", "600"), owner=owner, network="some"))
    assert started.exit_code() is None
    door.shut()
    for ask in (
        lambda: started.wait(20),
        started.exit_code,
        lambda: started.stop(5),
        lambda: list(started.lines()),
        started.memory_bytes,
        started.out_of_memory,
        lambda: behind.image(BUSYBOX),
        lambda: behind.start(Container(BUSYBOX, owner=owner)),
        lambda: behind.clean(owner),
    ):
        with pytest.raises(NoAnswer, match="Docker engine does not answer"):
            ask()
    started.remove()
    assert behind.missing()
    assert len(left_behind(owner)) == 2, "the container and its network"
    door.open()
    wait_until(lambda: not left_behind(owner), "both go by themselves, once the engine is back")


def test_an_engine_that_hangs_for_a_while_loses_nothing(behind: DockerEngine, door: Door) -> None:
    owner = new_owner("hangs")
    started = behind.start(Container(BUSYBOX, arguments=("sleep", "600"), owner=owner))
    door.jam()
    wait_until(lambda: door.holds(b"/_ping"), "the engine is asked whether it is there")
    door.free()
    wait_until(lambda: not door.holds(b"/_ping"), "it answers")
    assert started.exit_code() is None
    assert started.stop(0) == 137
    started.remove()
    assert not left_behind(owner)


def test_without_an_engine_it_is_said_what_still_runs() -> None:
    run = subprocess.run(
        [sys.executable, "-c", "from longshore.engines.choose import *; print(explain())"],
        env={"DOCKER_HOST": "unix:///nowhere.sock", "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        cwd=CHECKOUT,
    )
    assert run.stdout.startswith("no Docker engine answers: only host:PATH runs"), run.stderr
