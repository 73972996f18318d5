"""Folders as in /opt/ml: a model to serve, and the inputs of a training job."""

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

# What SageMaker writes today.
_RESOURCES = {
    "current_host": "algo-1",
    "current_instance_type": "ml.m5.large",
    "current_group_name": "homogeneousCluster",
    "hosts": ["algo-1"],
    "instance_groups": [
        {"instance_group_name": "homogeneousCluster", "instance_type": "ml.m5.large", "hosts": ["algo-1"]}
    ],
    "network_interface_name": "eth0",
}
_CHANNEL = {
    "TrainingInputMode": "File",
    "S3DistributionType": "FullyReplicated",
    "RecordWrapperType": "None",
}


def open_to_all(folder: Path) -> None:
    """Make a folder readable and writable for any user."""
    folder.chmod(0o777)
    for path in folder.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o777 if path.is_dir() else 0o666)


def readable(folder: Path) -> None:
    """Make a folder readable for any user."""
    folder.chmod(0o755)
    for path in folder.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() else path.stat().st_mode | 0o444)


def is_empty(folder: Path) -> bool:
    """Whether a folder has nothing in it but a .gitignore."""
    return not folder.is_dir() or not any(path.name != ".gitignore" for path in folder.iterdir())


def links(folder: Path) -> list[str]:
    """Return the relative paths of the symbolic links in a folder."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_symlink())


def model(source: Path, target: Path) -> Path:
    """Copy a model's folder, or unpack its archive, as SageMaker does for /opt/ml/model (A17)."""
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
    """Copy a model's folder, with noise in every file."""
    shutil.copytree(source, target, symlinks=True)
    for path in target.rglob("*"):
        if path.is_file() and not path.is_symlink():
            path.write_bytes(b"\x00\xffbroken by longshore check\n" * 8)
    readable(target)
    return target


def listing(folder: Path) -> dict[str, tuple[int, int]]:
    """Return the size and modification time of each file, by relative path."""
    found = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        is_folder = path.is_dir() and not path.is_symlink()
        found[os.fspath(path.relative_to(folder))] = (0 if is_folder else status.st_size, status.st_mtime_ns)
    return found


def is_input(folder: Path) -> bool:
    """Whether a folder is laid out as /opt/ml/input: with config or data in it."""
    return any((folder / name).is_dir() for name in ("config", "data"))


def wrong_input(folder: Path) -> str | None:
    """Return what is wrong with a folder that was given as the inputs of a job; None if it can be used."""
    data = folder / "data" if is_input(folder) else folder
    if channel_folders(data) or (folder / "config" / "inputdataconfig.json").is_file():
        return None
    if data != folder and (not data.is_dir() or is_empty(data)):
        return None  # a job without channels
    return f"'{data}' has no folder for a channel"


def channel_folders(folder: Path) -> list[str]:
    """Return the names of the folders that can be channels of a training job."""
    if not folder.is_dir():
        return []
    found = (path.name for path in folder.iterdir() if path.is_dir())
    return sorted(name for name in found if not name.startswith((".", "__")))


def described_channels(inputs: Path) -> dict[str, Any]:
    """Return inputdataconfig.json of an /opt/ml/input; if it is missing, a File channel per data folder."""
    file = inputs / "config" / "inputdataconfig.json"
    if file.is_file():
        return read(file)
    return {name: dict(_CHANNEL) for name in channel_folders(inputs / "data")}


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
    """Create an /opt/ml for a training job: the source's inputs, and folders for the outputs (D2 to D6).

    Args:
        source: Laid out as /opt/ml/input, or a folder of channels.
        hyperparameters: Added to hyperparameters.json.
        resources: Added to resourceconfig.json.
        channels: Added to the description of each channel.
        data: Whether the channels are there.
        checkpoints: Copied to checkpoints/.
    """
    inputs = target / "input"
    if source is None:
        (inputs / "config").mkdir(parents=True)
        (inputs / "data").mkdir()
    elif not is_input(source):
        inputs.mkdir()
        if data:
            shutil.copytree(source, inputs / "data")
    else:
        ignore = None if data else shutil.ignore_patterns("data")
        shutil.copytree(source, inputs, ignore=ignore)
        (inputs / "data").mkdir(exist_ok=True)
    config = inputs / "config"
    config.mkdir(exist_ok=True)
    write(
        config / "hyperparameters.json", {**read(config / "hyperparameters.json"), **(hyperparameters or {})}
    )
    write(config / "resourceconfig.json", {**_RESOURCES, **(resources or {})})
    described = described_channels(inputs) if data else {}
    write(config / "inputdataconfig.json", {k: {**v, **(channels or {})} for k, v in described.items()})
    for name in ("model", "output", "output/data", "checkpoints"):
        (target / name).mkdir(exist_ok=True)
    if checkpoints is not None:
        shutil.copytree(checkpoints, target / "checkpoints", symlinks=True, dirs_exist_ok=True)
    open_to_all(target)
    return target


def read(file: Path) -> dict[str, Any]:
    """Return the object in a JSON file; an empty one if there is no file."""
    if not file.is_file():
        return {}
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(
            str(file), f"it is not JSON: {error}.", "Correct it, or give another folder with --training."
        ) from None
    return value if isinstance(value, dict) else {}


def write(file: Path, value: object) -> None:
    file.write_text(json.dumps(value), encoding="utf-8")
