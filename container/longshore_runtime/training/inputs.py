"""What SageMaker tells a training job: its channels, hyperparameters and hosts (D2 to D5)."""

from __future__ import annotations

import json
import math
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from longshore_runtime.errors import StartError

# Hyperparameters of this prefix are for the container, not for the user's code.
_PLATFORM_PREFIX = "sagemaker_"


@dataclass(frozen=True)
class Inputs:
    """channels: the path of each, see read_channels(). hyperparameters: the user's own, typed.

    platform: the hyperparameters named sagemaker_..., typed. data_config and resources: what
    inputdataconfig.json and resourceconfig.json hold, unknown keys and all (D3, D4); resources always
    has current_host, hosts and network_interface_name.
    """

    channels: dict[str, Path]
    hyperparameters: dict[str, Any]
    platform: dict[str, Any]
    data_config: dict[str, Any]
    resources: dict[str, Any]


def read(ml_root: Path) -> Inputs:
    """Read all below ml_root/input. Files that are not there are as good as empty, so that a run by hand
    needs none; a StartError names the file, line and column of what cannot be read, and a missing channel.
    """
    config = ml_root / "input" / "config"
    hyperparameters = {
        name: typed(value) for name, value in _json_object(config / "hyperparameters.json").items()
    }
    resources = _json_object(config / "resourceconfig.json")
    resources.setdefault("current_host", socket.gethostname())
    resources.setdefault("hosts", [resources["current_host"]])
    resources.setdefault("network_interface_name", "eth0")
    return Inputs(
        channels=read_channels(ml_root),
        hyperparameters={n: v for n, v in hyperparameters.items() if not n.startswith(_PLATFORM_PREFIX)},
        platform={n: v for n, v in hyperparameters.items() if n.startswith(_PLATFORM_PREFIX)},
        data_config=_json_object(config / "inputdataconfig.json"),
        resources=resources,
    )


def read_channels(ml_root: Path) -> dict[str, Path]:
    """Each channel's name and path: those of inputdataconfig.json, or without one the folders in input/data.

    In File and FastFile mode the path is a folder, and must be there. In Pipe mode it is the stem of the
    channel's FIFOs: epoch 0 is read from <path>_0, epoch 1 from <path>_1, and so on (D5).
    """
    data = ml_root / "input" / "data"
    config_file = ml_root / "input" / "config" / "inputdataconfig.json"
    if not config_file.exists():
        return {p.name: p for p in sorted(data.iterdir()) if p.is_dir()} if data.is_dir() else {}
    channels = {}
    for name, config in sorted(_json_object(config_file).items()):
        path = data / name
        piped = isinstance(config, dict) and config.get("TrainingInputMode") == "Pipe"
        if not piped and not path.is_dir():
            raise StartError(
                f"channel '{name}'",
                f"{config_file} lists it, but there is no folder {path}.",
                "Make the folder and put the channel's data there, or take the channel off the list.",
            )
        channels[name] = path
    return channels


def unlisted_channels(ml_root: Path) -> list[Path]:
    """Return the folders in input/data that inputdataconfig.json, where there is one, does not list."""
    data = ml_root / "input" / "data"
    config_file = ml_root / "input" / "config" / "inputdataconfig.json"
    if not config_file.exists() or not data.is_dir():
        return []
    listed = _json_object(config_file)
    return [p for p in sorted(data.iterdir()) if p.is_dir() and p.name not in listed and p.name[0] != "."]


def typed(value: Any) -> Any:
    """A hyperparameter's value: what its text means as JSON, or the text itself where it means nothing.

    "5" is 5, "0.1" is 0.1, "true" is True, "[1, 2]" is a list; "adam", "007" and "NaN" stay text, for
    NaN and the infinities are no JSON. Text in JSON quotes ("\\"5\\"") is text without them, as the
    SageMaker SDK sends it. What is no text, in a file written by hand, stays as it is.
    """
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value, parse_constant=_refuse, parse_float=_finite)
    except (ValueError, RecursionError):  # RecursionError: a value of very many brackets
        return value


def _refuse(name: str) -> Any:
    raise ValueError(name)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):  # 1e999
        raise ValueError(text)
    return number


def _json_object(file: Path) -> dict[str, Any]:
    """The JSON object in this file; {} where there is no such file."""
    try:
        value = json.loads(file.read_text(encoding="utf-8-sig"))  # some editors write a byte order mark
    except FileNotFoundError:
        return {}
    except json.JSONDecodeError as error:
        raise StartError(
            f"{file} line {error.lineno} column {error.colno}",
            f"this is not valid JSON: {error.msg}.",
            "Mend the file there.",
        ) from None
    except (UnicodeDecodeError, RecursionError, OSError) as error:
        raise StartError(
            str(file), f"it cannot be read: {error}.", "Make it a readable UTF-8 file of JSON."
        ) from None
    if not isinstance(value, dict):
        raise StartError(str(file), "it holds no JSON object.", 'Write it as {"name": "value"}.')
    return value
