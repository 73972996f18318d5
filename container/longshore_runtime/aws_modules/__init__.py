"""Stand-ins for the modules of AWS's toolkits that scripts import, where the packages are not installed.

Few of those packages can be installed beside a current Python and numpy. Only what scripts call is here:
docs/sagemaker-scripts.md lists it. A package that is installed takes precedence.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

_PACKAGES = (
    "mms",
    "sagemaker_containers",
    "sagemaker_huggingface_inference_toolkit",
    "sagemaker_inference",
    "sagemaker_xgboost_container",
)


class _Finder:
    """Finds `sagemaker_inference.decoder` as the module of that name in this package."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name.partition(".")[0] not in _PACKAGES:
            return None
        ours = f"{__name__}.{name}"
        if importlib.util.find_spec(ours) is None:
            return None
        return importlib.machinery.ModuleSpec(name, _Loader(ours), is_package=True)  # type: ignore[arg-type]


class _Loader:
    def __init__(self, ours: str) -> None:
        self._ours = ours

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        return importlib.import_module(self._ours)

    def exec_module(self, module: ModuleType) -> None:
        """Nothing: it has been imported under our name."""


def provide() -> None:
    """Have `import sagemaker_inference` and the like find these modules, after all others."""
    finders: list[Any] = sys.meta_path
    if not any(isinstance(finder, _Finder) for finder in finders):
        finders.append(_Finder())
