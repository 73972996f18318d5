"""The SM_* variables that users' scripts expect (D9).

SageMaker itself does not set them: AWS's training toolkit does, inside its containers. Scripts written
for those containers work here because the names, the shapes and the spelling of values are the same.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from longshore_runtime import machine
from longshore_runtime.settings import Settings
from longshore_runtime.training.inputs import Inputs

# The kernel takes no variable longer than this, name and final zero included (MAX_ARG_STRLEN).
_LONGEST = 128 * 1024


def arguments(hyperparameters: dict[str, Any]) -> list[str]:
    """The hyperparameters as `--name value` (`-n value` for a name of one letter), by name.

    A dictionary becomes a=1,b=2; None an empty text; true True: what argparse code written for AWS's
    toolkit reads.
    """
    words = []
    for name, value in sorted(hyperparameters.items()):
        if isinstance(value, dict):
            text = ",".join(f"{key}={item}" for key, item in sorted(value.items()))
        else:
            text = "" if value is None else str(value)
        words += [f"--{name}" if len(name) > 1 else f"-{name}", text]
    return words


def variables(settings: Settings, inputs: Inputs, folder: Path, name: str) -> dict[str, str]:
    """Every SM_* variable by name. folder, name: the code folder, and the path in there of what will run."""
    ml_root, resources = settings.ml_root, inputs.resources
    listed = resources.get("instance_groups") or []
    groups = {str(group.get("instance_group_name")): group for group in listed}
    group = resources.get("current_group_name", "homogeneousCluster")
    values = {
        "current_host": resources["current_host"],
        "current_instance_group": group,
        "current_instance_group_hosts": groups.get(group, {}).get("hosts", []),
        "current_instance_type": resources.get("current_instance_type", "local"),
        "hosts": resources["hosts"],
        "input_config_dir": str(ml_root / "input" / "config"),
        "input_data_config": inputs.data_config,
        "input_dir": str(ml_root / "input"),
        "instance_groups": list(groups),
        "instance_groups_dict": groups,
        "is_hetero": len(groups) > 1,
        "log_level": settings.log_level,
        "model_dir": str(settings.model_dir),
        "module_dir": str(folder),
        "module_name": name.removesuffix(".py"),
        "network_interface_name": resources["network_interface_name"],
        "num_cpus": machine.cpus(),
        "num_gpus": machine.gpus(),
        "output_data_dir": str(ml_root / "output" / "data"),
        "output_dir": str(ml_root / "output"),
        "output_intermediate_dir": str(ml_root / "output" / "intermediate"),
        "resource_config": resources,
        "user_entry_point": name,
    }
    channels = {name: str(path) for name, path in inputs.channels.items()}
    values |= {
        "training_env": values | {"channel_input_dirs": channels, "hyperparameters": inputs.hyperparameters},
        "channels": list(channels),
        "framework_params": inputs.platform,
        "hps": inputs.hyperparameters,
        "user_args": arguments(inputs.hyperparameters),
        **{f"channel_{name}": path for name, path in channels.items()},
        **{f"hp_{name}": value for name, value in inputs.hyperparameters.items()},
    }
    return _short_enough({f"SM_{name.upper()}": _text(value) for name, value in values.items()})


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, separators=(",", ":"))


def _short_enough(values: dict[str, str]) -> dict[str, str]:
    """Without those no process can be started with: hyperparameters may have 250,000 characters in all."""
    kept = {
        name: text
        for name, text in values.items()
        if len(f"{name}={text}".encode(errors="replace")) < _LONGEST
    }
    for name in values.keys() - kept.keys():
        print(
            f"train: {name} is longer than an environment variable can be, and is left out", file=sys.stderr
        )
    return kept
