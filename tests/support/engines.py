"""Programs for either engine, written once: a script of sh that runs in busybox and on this machine."""

from __future__ import annotations

import contextlib
import os
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from longshore.engines import processes
from longshore.engines.base import HOST_PREFIX, Container, Engine, Mount, Running
from tests.support import docker
from tests.support.files import everything
from tests.support.server import wait_until

BUSYBOX = "busybox:latest"
# Answers GET / with a 404 or a list of files, at the port that the engine gives it.
SERVER = """
if [ -n "$LONGSHORE_CONTAINER" ]; then
    exec python3 -m http.server --bind 127.0.0.1 --directory "$TMPDIR" "$SAGEMAKER_BIND_TO_PORT"
fi
exec httpd -f -p 8080 -h /tmp
"""


class Machine:
    """An engine, and what the tests start with it. /opt/ml is the folder ml_root."""

    def __init__(self, engine: Engine, folder: Path, owner: str) -> None:
        self.engine = engine
        self.owner = owner
        self.folder = folder
        self.ml_root = folder / "ml"
        self.ml_root.mkdir()
        self.ml_root.chmod(0o777)

    @property
    def is_docker(self) -> bool:
        return self.engine.name == "docker"

    def container(self, script: str, *mounts: Mount, **given: Any) -> Container:
        """A container whose first process is this script."""
        program = self.folder / f"program-{len(list(self.folder.iterdir()))}"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        container = Container(
            f"{HOST_PREFIX}{program}",
            mounts=(Mount(self.ml_root, "/opt/ml"), *mounts),
            owner=self.owner,
            **given,
        )
        if self.is_docker:
            inside = Mount(program, "/program", read_only=True)
            mounts = (*container.mounts, inside)
            return replace(container, image=BUSYBOX, entrypoint=("/program",), mounts=mounts)
        return container

    @contextlib.contextmanager
    def running(self, script: str, *mounts: Mount, **given: Any) -> Iterator[Running]:
        started = self.engine.start(self.container(script, *mounts, **given))
        try:
            yield started
        finally:
            started.remove()

    def run(self, script: str, *mounts: Mount, **given: Any) -> tuple[int, list[str]]:
        """To its end: its exit code and what it wrote."""
        with self.running(script, *mounts, **given) as started:
            code = started.wait(60)
            assert code is not None, "it does not end"
            return code, [line.text for line in started.lines()]


def answers(started: Running) -> bool:
    """Whether something speaks HTTP at its port."""
    assert started.address is not None
    host, port = started.address
    try:
        with urllib.request.urlopen(f"http://{host}:{port}/", timeout=5) as answer:
            return bool(answer.status)
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


def wait_for_line(started: Running, text: str) -> None:
    """Read what it writes until this line comes."""
    assert any(line.text == text for line in started.lines()), f"it ended without having written {text!r}"


def processes_with(token: str) -> list[int]:
    """The processes of this machine, those in containers too, that have this word in their command line."""
    found = []
    for cmdline in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if token.encode() in cmdline.read_bytes().split(b"\0"):
                found.append(int(cmdline.parent.name))
    return found


def wait_for_process(token: str) -> None:
    wait_until(lambda: processes_with(token), f"a process {token}")


def left_behind(owner: str) -> list[str]:
    """What there is of this owner: processes, folders, containers, networks."""
    left = [f"process {pid}" for pid in processes.living(f"{processes.OWNER}={owner}", [])]
    left += map(str, Path(tempfile.gettempdir()).glob(f"ls-{owner}-*"))
    groups = everything(Path("/sys/fs/cgroup"))
    left += [str(path) for path in groups if path.name.startswith(f"ls-{owner}-")]
    if docker.engine_missing() is None:
        for listing in (("ps", "--all"), ("network", "ls")):
            label = f"label=longshore.owner={owner}"
            left += docker.docker(*listing, "--quiet", "--filter", label).stdout.split()
    return left


def new_owner(name: str) -> str:
    return f"{name}{os.getpid()}"
