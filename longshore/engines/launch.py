"""Starts enter.py, which becomes the program, and learns from it what went wrong."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from longshore.engines.base import Mount
from longshore.errors import UserError

ML_ROOT = "/opt/ml"
_ENTER = Path(__file__).with_name("enter.py")


def layers(mounts: list[Mount], ml_root: Mount | None) -> list[tuple[str, str, bool]]:
    """What to mount: first into the folder behind /opt/ml, so that it is the same by either of its names."""
    layers = []
    if ml_root is not None:
        layers.append((str(ml_root.source.resolve()), str(ml_root.source.resolve()), ml_root.read_only))
    for mount in mounts:
        target = mount.target
        if ml_root is not None and target.startswith(f"{ML_ROOT}/"):
            inner = ml_root.source.resolve() / target.removeprefix(f"{ML_ROOT}/")
            inner.mkdir(parents=True, exist_ok=True)
            target = str(inner)
        if mount is not ml_root:
            layers.append((str(mount.source.resolve()), target, mount.read_only))
    if ml_root is not None:
        layers.append((str(ml_root.source.resolve()), ML_ROOT, ml_root.read_only))
    return layers


def wanted(**given: Any) -> dict[str, Any]:
    """What enter.py reads; unless given, a process as it is."""
    plain: dict[str, Any] = {
        "argv": [], "folder": "/", "environment": {}, "cgroup": [], "namespace": False, "network": True,
        "host_name": None, "mounts": [], "writable": [], "read_only_root": False, "user": None,
    }  # fmt: skip
    return {**plain, **given}


def enter(
    what: Mapping[str, Any], output: int, image: str = "", environment: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start it in a session of its own; UserError where it did not become the program."""
    read, write = os.pipe()
    try:
        started = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_ENTER), str(write)],
            env=environment or {},  # here too, as marks are looked for in it
            stdin=subprocess.PIPE,  # what others would see in the arguments may hold secrets
            stdout=output,
            stderr=output,
            pass_fds=[write],
            start_new_session=True,
        )
        os.close(write)
        write = -1
        assert started.stdin is not None
        with contextlib.suppress(BrokenPipeError), started.stdin:
            started.stdin.write(json.dumps(what).encode())
        with open(read, "rb", closefd=False) as report:
            problem = report.read().decode()
    finally:
        os.close(read)
        if write != -1:
            os.close(write)
    if problem and image:
        started.wait()
        for pipe in (started.stdout, started.stderr):
            if pipe is not None:
                pipe.close()
        raise UserError(image, f"{problem}.", "Fix the cause, or run it as an image.")
    return started
