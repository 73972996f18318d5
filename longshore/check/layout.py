"""Folders laid out as SageMaker lays out /opt/ml: a model to serve, and the inputs of a training job."""

from __future__ import annotations

import json
import os
import shutil
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from longshore.common.tar import tarfile
from longshore.errors import UserError


def open_to_all(folder: Path) -> None:
    """Whoever the container runs as may read it all, and write."""
    folder.chmod(0o777)
    for path in folder.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o777 if path.is_dir() else 0o666)


def readable(folder: Path) -> None:
    """Whoever the container runs as may read it all."""
    folder.chmod(0o755)
    for path in folder.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() else path.stat().st_mode | 0o444)


def is_empty(folder: Path) -> bool:
    """Whether there is nothing in it but what keeps it in a repository."""
    return not folder.is_dir() or not any(path.name != ".gitignore" for path in folder.iterdir())


def links(folder: Path) -> list[str]:
    """The symbolic links in it, by their paths there."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_symlink())


def model(source: Path, target: Path) -> Path:
    """A copy of a model's folder, or what is in its archive, as SageMaker puts it into /opt/ml/model
    (A17)."""
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns(".gitignore"), symlinks=True)
    else:
        target.mkdir()
        try:
            with tarfile.open(source) as archive:
                archive.extractall(target, filter="data")
        except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
            why = str(error).partition("\n")[0].rstrip(":.")
            raise UserError(
                str(source), f"it cannot be unpacked: {why}.", "Give a folder or a model.tar.gz: --model."
            ) from None
    readable(target)
    return target


def broken(source: Path, target: Path) -> Path:
    """The same files with noise in them."""
    shutil.copytree(source, target, symlinks=True)
    for path in target.rglob("*"):
        if path.is_file() and not path.is_symlink():
            path.write_bytes(b"\x00\xffbroken by longshore check\n" * 8)
    readable(target)
    return target


def listing(folder: Path) -> dict[str, tuple[int, int]]:
    """Each file's size and time of change, by its path: equal where nothing was written."""
    found = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        is_folder = path.is_dir() and not path.is_symlink()
        found[os.fspath(path.relative_to(folder))] = (0 if is_folder else status.st_size, status.st_mtime_ns)
    return found


def training(
    source: Path | None,
    target: Path,
    *,
    hyperparameters: Mapping[str, str] | None = None,
    resources: Mapping[str, Any] | None = None,
    channels: Mapping[str, Any] | None = None,
    data: bool = True,
    checkpoints: Path | None = None,
) -> Path:
    """An /opt/ml for a training job: input/ of the source, and empty folders for what it writes (D2 to D6).

    hyperparameters, resources, channels: what is in their files instead; channels: merged into each channel's
    description. data: False leaves the channels' folders out. checkpoints: what is in checkpoints/.
    """
    inputs = target / "input"
    if source is None:
        (inputs / "config").mkdir(parents=True)
        (inputs / "data").mkdir()
    else:
        ignore = None if data else shutil.ignore_patterns("data")
        shutil.copytree(source, inputs, ignore=ignore)
        (inputs / "data").mkdir(exist_ok=True)
    config = inputs / "config"
    config.mkdir(exist_ok=True)
    write(
        config / "hyperparameters.json", {**read(config / "hyperparameters.json"), **(hyperparameters or {})}
    )
    usual = {"current_host": "algo-1", "hosts": ["algo-1"], "network_interface_name": "eth0"}
    write(config / "resourceconfig.json", {**usual, **(resources or {})})
    described = read(config / "inputdataconfig.json")
    if not data:
        described = {}
    write(config / "inputdataconfig.json", {k: {**v, **(channels or {})} for k, v in described.items()})
    for name in ("model", "output", "output/data", "checkpoints"):
        (target / name).mkdir(exist_ok=True)
    if checkpoints is not None:
        shutil.copytree(checkpoints, target / "checkpoints", symlinks=True, dirs_exist_ok=True)
    open_to_all(target)
    return target


def read(file: Path) -> dict[str, Any]:
    """What a JSON file holds; nothing where it is not there."""
    if not file.is_file():
        return {}
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(
            str(file), f"it is no JSON: {error}.", "Mend it, or name another folder: --training."
        ) from None
    return value if isinstance(value, dict) else {}


def write(file: Path, value: object) -> None:
    file.write_text(json.dumps(value), encoding="utf-8")
