"""Looks for a requirements.txt beside the user's code, and reports the packages that are not installed.

AWS's toolkits install them when a container starts. Here the image has the packages: see
docs/sagemaker-scripts.md for the reasons.
"""

from __future__ import annotations

import importlib.metadata
from pathlib import Path
from typing import TYPE_CHECKING

from longshore_runtime import logs, once

if TYPE_CHECKING:
    from packaging.requirements import Requirement

FILE = "requirements.txt"

log = logs.get("model")


def report_missing(file: Path, run_dir: Path | None) -> None:
    """Log one line that names what the file asks for and the image does not have. Never raises."""
    try:
        lines = file.read_text(errors="replace").splitlines()
    except OSError:
        return
    missing = [line for line in map(_requirement, lines) if line and not _installed(line)]
    if missing and once.first(run_dir, "packages"):
        log.warning(
            "%s asks for packages that are not installed, and this server installs none: %s."
            " Add them to container/requirements.txt, and build the image.",
            file,
            ", ".join(str(requirement) for requirement in missing),
        )


def _requirement(line: str) -> Requirement | None:
    """Return what a line asks for; None for comments, pip's options and paths."""
    from packaging.requirements import InvalidRequirement, Requirement  # for a model that has such a file

    try:
        return Requirement(line.partition(" #")[0].strip())
    except InvalidRequirement:
        return None


def _installed(requirement: Requirement) -> bool:
    if requirement.marker is not None and not requirement.marker.evaluate():
        return True
    try:
        version = importlib.metadata.version(requirement.name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return requirement.specifier.contains(version, prereleases=True)
