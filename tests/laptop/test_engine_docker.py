"""The Docker engine alone: images, networks, and an engine that goes away."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from longshore.engines.base import Container, Mount
from longshore.engines.docker import DockerEngine
from longshore.errors import UserError
from tests.support import docker
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


class Door:
    """A socket through which the engine is reached, until it is shut: as when the engine is stopped."""

    def __init__(self, path: Path) -> None:
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._lock = threading.Lock()
        self._is_shut = False
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def shut(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            self._is_shut = True
            for each in self._open:
                _shut(each)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            engine = socket.socket(socket.AF_UNIX)
            engine.connect("/var/run/docker.sock")
            with self._lock:
                self._open += [client, engine]
                if self._is_shut:  # it came in while the door was being shut
                    _shut(client)
                    _shut(engine)
            for source, target in ((client, engine), (engine, client)):
                threading.Thread(target=_pass_on, args=(source, target), daemon=True).start()


def _shut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        return


@pytest.fixture
def door(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Door:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path / 'door'}")
    return Door(tmp_path / "door")


def test_an_engine_that_stops_halfway_is_said_at_once(docker_engine: DockerEngine, door: Door) -> None:
    owner = new_owner("halfway")
    engine = DockerEngine()
    assert engine.missing() is None
    started = engine.start(Container(BUSYBOX, arguments=("sleep", "600"), owner=owner, network="some"))
    assert started.exit_code() is None
    door.shut()
    for ask in (
        lambda: started.wait(20),
        started.exit_code,
        lambda: started.stop(5),
        lambda: list(started.lines()),
        started.memory_bytes,
        started.out_of_memory,
        lambda: engine.image(BUSYBOX),
        lambda: engine.start(Container(BUSYBOX, owner=owner)),
        lambda: engine.clean(owner),
    ):
        with pytest.raises(UserError, match="Docker engine does not answer"):
            ask()
    started.remove()  # what it can, which is nothing
    assert engine.missing()
    assert len(docker_engine.clean(owner)) == 2, "the container and its network, once the engine is back"
    assert not left_behind(owner)


def test_without_an_engine_it_is_said_what_still_runs() -> None:
    run = subprocess.run(
        [sys.executable, "-c", "from longshore.engines.choose import *; print(explain(), len(engines()))"],
        env={"DOCKER_HOST": "unix:///nowhere.sock", "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        cwd=CHECKOUT,
    )
    assert run.stdout.startswith("no Docker engine answers: only host:PATH runs"), run.stderr
    assert run.stdout.endswith(" 1\n")
