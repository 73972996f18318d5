"""Docker for the tests: whether it can be used here, and containers that end with their test."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import requests

from tests.support.server import PATIENCE, free_port, wait_until

BASE_IMAGE = "python:3.13-slim-trixie"


def docker(
    *arguments: str | Path, check: bool = True, timeout: float = 600
) -> subprocess.CompletedProcess[str]:
    """Run a docker command to its end; with check, one that fails fails the test with what it said."""
    run = subprocess.run(
        ["docker", *map(str, arguments)], capture_output=True, text=True, timeout=timeout, check=False
    )
    if check:
        said = f"docker {' '.join(map(str, arguments))}\n{run.stdout}{run.stderr}"
        assert run.returncode == 0, f"exit code {run.returncode}: {said}"
    return run


def engine_missing() -> str | None:
    """Why Docker cannot be used here, None where it can."""
    try:
        version = docker("version", "--format", "{{.Server.Version}}", check=False, timeout=30)
    except FileNotFoundError:
        return "there is no docker command"
    except subprocess.TimeoutExpired:
        return "the engine does not answer"
    return None if version.returncode == 0 else f"no engine answers: {version.stderr.strip()}"


def missing(base_image: str = BASE_IMAGE) -> str | None:
    """Why nothing can be built from this base image here, None where it can."""
    if reason := engine_missing():
        return reason
    if docker("image", "inspect", base_image, check=False).returncode != 0:
        pulled = docker("pull", base_image, check=False)
        if pulled.returncode != 0:
            return f"the base image {base_image} is not here and cannot be pulled: {pulled.stderr.strip()}"
    return None


def build(tag: str, context: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Build an image, whatever builder this client has. The host's network: bridges reach none everywhere."""
    return docker("build", "--network=host", "--force-rm", "--tag", tag, *options, context, check=False)


@contextlib.contextmanager
def image_of(program: Path, context: Path) -> Iterator[str]:
    """An image, this run's own, that runs a program of one file; removed at the end."""
    shutil.copy(program, context)
    tag = f"longshore-test-{program.stem.replace('_', '-')}-{uuid.uuid4().hex[:8]}"
    # The label makes it another image than the same tests build beside these: containers are found by image.
    (context / "Dockerfile").write_text(
        f"FROM {BASE_IMAGE}\nCOPY {program.name} /usr/local/bin/\n"
        f'ENTRYPOINT ["{program.name}"]\nLABEL of={tag}\n'
    )
    built = build(tag, context)
    assert built.returncode == 0, built.stderr
    try:
        yield tag
    finally:
        docker("rmi", "--force", tag)


def containers(image: str) -> list[str]:
    """All containers of an image, those that have ended too."""
    return docker("ps", "--all", "--quiet", "--filter", f"ancestor={image}").stdout.split()


def inspect(name: str) -> Any:
    """What Docker knows of an image or a container."""
    return json.loads(docker("inspect", name).stdout)[0]


class Container:
    """`docker run IMAGE serve` with this folder as /opt/ml. As a context manager: ready at the start, removed
    at the end."""

    def __init__(
        self,
        image: str,
        ml_root: Path,
        *options: str,
        command: tuple[str, ...] = ("serve",),
        wait: bool = True,
        port: int = 8080,
    ) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._port_inside = port
        self._wait = wait
        self._published = "--network=none" not in options
        publish = ["--publish", f"127.0.0.1:{self.port}:{port}"] if self._published else []
        self._run = ["run", "--detach", *publish, "--volume", f"{ml_root}:/opt/ml", *options, image, *command]

    def __enter__(self) -> Self:
        self.id = docker(*self._run).stdout.strip()
        try:
            if self._wait:
                wait_until(self._ready, "a healthy /ping")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        docker("rm", "--force", "--volumes", self.id)

    def _ready(self) -> bool:
        assert self.running, f"the container ended:\n{self.logs}"
        time.sleep(0.1)  # each question starts a docker command, and takes the CPU from what is starting
        return (self.ping() if self._published else self.get_inside("/ping")[0]) == 200

    @property
    def running(self) -> bool:
        return bool(inspect(self.id)["State"]["Running"])

    @property
    def logs(self) -> str:
        """stdout and stderr so far."""
        run = docker("logs", self.id)
        return run.stdout + run.stderr

    def execute(self, *command: str) -> str:
        """Run a command in the container, as root; what it wrote to stdout."""
        return docker("exec", "--user", "0", self.id, *command).stdout

    def get_inside(self, path: str) -> tuple[int, str]:
        """GET from inside the container, which needs no network: status (0 where nobody listens) and body."""
        return self._ask_inside(f"http://127.0.0.1:{self._port_inside}{path}", None, "")

    def post_inside(self, body: str, content_type: str) -> tuple[int, str]:
        return self._ask_inside(f"http://127.0.0.1:{self._port_inside}/invocations", body, content_type)

    def _ask_inside(self, url: str, body: str | None, content_type: str) -> tuple[int, str]:
        question = json.dumps([url, body, content_type])
        status, _, text = self.execute("python", "-c", _ASK, question).partition("\n")
        return int(status), text

    def post(self, body: str | bytes, content_type: str) -> requests.Response:
        headers = {"Content-Type": content_type}
        return requests.post(f"{self.url}/invocations", data=body, headers=headers, timeout=PATIENCE)

    def ping(self) -> int:
        """The status of GET /ping, 0 where nobody listens."""
        try:
            return requests.get(f"{self.url}/ping", timeout=PATIENCE).status_code
        except requests.ConnectionError:
            return 0

    def processes(self) -> dict[int, tuple[int, str]]:
        """By pid as seen inside: the effective user id and the command line of each process."""
        listing = json.loads(self.execute("python", "-c", _PROCESSES))
        return {int(pid): (uid, command) for pid, (uid, command) in listing.items()}

    def workers(self) -> dict[int, int]:
        """The effective user id of each gunicorn worker, by pid: all but the oldest of its processes."""
        gunicorns = {pid: uid for pid, (uid, command) in self.processes().items() if "gunicorn" in command}
        return {pid: gunicorns[pid] for pid in sorted(gunicorns)[1:]}

    def stop(self, seconds: int = 30) -> int:
        """`docker stop`: SIGTERM, SIGKILL after so many seconds; the exit code."""
        docker("stop", "--time", str(seconds), self.id)
        return self.wait_exit()

    def wait_exit(self) -> int:
        return int(docker("wait", self.id, timeout=PATIENCE).stdout)


_ASK = """
import json, sys, urllib.error, urllib.request
url, body, content_type = json.loads(sys.argv[1])
data = None if body is None else body.encode()
request = urllib.request.Request(url, data, {"Content-Type": content_type} if content_type else {})
try:
    with urllib.request.urlopen(request, timeout=30) as answer:
        print(answer.status, answer.read().decode(), sep="\\n", end="")
except urllib.error.HTTPError as error:
    print(error.code, error.read().decode(), sep="\\n", end="")
except OSError:
    print(0)
"""

_PROCESSES = """
import json, os, pathlib
found = {}
for folder in pathlib.Path("/proc").glob("[0-9]*"):
    if int(folder.name) != os.getpid():
        try:
            status = dict(l.split(":", 1) for l in (folder / "status").read_text().splitlines())
            command = (folder / "cmdline").read_bytes().replace(b"\\0", b" ").decode()
        except OSError:
            continue
        found[folder.name] = [int(status["Uid"].split()[1]), command.strip()]
print(json.dumps(found))
"""
