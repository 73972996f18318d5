"""What longshore/ imports, and where: read from its source, and from what --help really loads."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.support.server import CHECKOUT

PACKAGE = CHECKOUT / "longshore"
# Where each may be imported; a folder stands for all below it.
ONLY_IN = {
    "boto3": ["aws.py"],
    "botocore": ["aws.py"],
    "moto": ["emulator"],
    "docker": ["engines/docker_sdk.py"],
}
SLOW = {"boto3", "botocore", "moto", "docker", "rich", "requests", "urllib3", "cheroot"}


def _imports(file: Path) -> Iterator[str]:
    """The top modules of all its imports, in functions too."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name.partition(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative"
            yield (node.module or "").partition(".")[0]


def test_each_library_is_imported_in_its_place_alone() -> None:
    for file in PACKAGE.rglob("*.py"):
        place = file.relative_to(PACKAGE)
        for name in _imports(file):
            allowed = ONLY_IN.get(name)
            assert allowed is None or any(place.is_relative_to(each) for each in allowed), f"{place}: {name}"


def test_neither_house_imports_the_other() -> None:
    for file in PACKAGE.rglob("*.py"):
        assert not {"longshore_runtime", "container", "tests", "bench"} & set(_imports(file)), file
    for file in (CHECKOUT / "container").rglob("*.py"):
        assert "longshore" not in set(_imports(file)), file


def test_help_loads_nothing_that_is_slow() -> None:
    show = (
        "import sys; sys.argv[1:] = ['--help']\n"
        "try:\n import longshore.__main__\nfinally:\n print(*sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", show], capture_output=True, text=True, cwd=CHECKOUT)
    assert "Usage:" in run.stdout, run.stderr
    loaded = set(run.stdout.splitlines()[-1].split())
    assert "longshore.cli" in loaded
    assert not loaded & SLOW
