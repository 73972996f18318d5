"""What scripts import from here: `from sagemaker_containers.beta.framework import encoders, worker`."""

from __future__ import annotations

from typing import Any

from longshore_runtime.aws_modules.sagemaker_containers.beta.framework import encoders, worker
from longshore_runtime.aws_modules.sagemaker_inference import content_types, errors


class _NotProvided:
    """A module that scripts import by habit and do not use when they serve."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        raise AttributeError(
            f"sagemaker_containers.beta.framework.{self._name}.{attribute} is not provided here:"
            " docs/sagemaker-scripts.md lists what is."
        )


env, files, functions, logging, mapping, modules, params, runner, server, transformer = map(
    _NotProvided,
    (
        "env",
        "files",
        "functions",
        "logging",
        "mapping",
        "modules",
        "params",
        "runner",
        "server",
        "transformer",
    ),
)

__all__ = ["content_types", "encoders", "errors", "worker"]
