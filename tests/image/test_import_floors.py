"""The floors of docs/architecture.md: a module imports only what stands below it in its own house."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.support.server import CHECKOUT

APP = CHECKOUT / "container" / "longshore_runtime"
PACKAGE = "longshore_runtime."
MODULES = sorted(APP.rglob("*.py"))
# Stand-ins for AWS's modules, which only scripts import.
AWS_MODULES = tuple(f"aws_modules.{path.name}" for path in (APP / "aws_modules").iterdir() if path.is_dir())
# The floors, lowest first; a package is named by its folder.
FLOORS = (
    ("contract", "hiding"),
    (
        *("aws_modules", "descriptors", "errors", "home", "launch", "machine", "meter_files", "once"),
        "signals",
    ),
    ("code_folder", "logs", "meters", "parse", "toolkit_context", "variables"),
    ("algorithm_settings", "model_settings", "problem", "settings", "usercode"),
    ("runners.base",),
    ("runners",),
    (*AWS_MODULES, "serving", "training"),
    ("main",),
)
# The one import upwards: base chooses among the runners that stand on it.
UPWARDS = {("runners.base", "runners.model.runner"), ("runners.base", "runners.algorithm.runner")}
BOTO3_MAY_BE_IMPORTED_IN = {"runners.algorithm.s3.client"}


def name_of(path: Path) -> str:
    parts = path.relative_to(APP).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> set[str]:
    """The full names this file imports, wherever in it the import stands."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def module_of(imported: str) -> str:
    """The module a full imported name is, or is in."""
    return max((m for m in map(name_of, MODULES) if f"{imported}.".startswith(f"{m}.")), key=len)


def floor(module: str) -> int:
    matches = [
        (len(place), number)
        for number, places in enumerate(FLOORS)
        for place in places
        if module == place or module.startswith(f"{place}.")
    ]
    assert matches, f"{module} stands on no floor"
    return max(matches)[1]


@pytest.mark.parametrize("path", [m for m in MODULES if name_of(m)], ids=name_of)
def test_a_module_imports_only_from_its_own_floor_or_below(path: Path) -> None:
    module = name_of(path)
    ours = {
        module_of(name.removeprefix("longshore_runtime."))
        for name in imports(path)
        if name.startswith("longshore_runtime.")
    }
    wrong = {other for other in ours if floor(other) > floor(module) and (module, other) not in UPWARDS}
    # serving and training are neighbours, not one on top of the other.
    wrong |= {
        other for other in ours if {module.split(".")[0], other.split(".")[0]} == {"serving", "training"}
    }
    assert not wrong, f"{module} imports {sorted(wrong)}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: name_of(path) or "longshore_runtime")
def test_the_image_never_imports_the_laptop_nor_boto3_outside_its_one_module(path: Path) -> None:
    tops = {name.split(".")[0] for name in imports(path)}
    assert "longshore" not in tops
    if name_of(path) not in BOTO3_MAY_BE_IMPORTED_IN:
        assert not tops & {"boto3", "botocore"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: name_of(path) or "longshore_runtime")
def test_only_the_entry_points_take_the_environment_and_only_settings_reads_it(path: Path) -> None:
    """os.environ may be handed on whole, to settings.load or to a child; no key of it is read elsewhere."""
    for node in ast.walk(ast.parse(path.read_text())):
        reads = (isinstance(node, ast.Subscript) and ast.unparse(node.value) == "os.environ") or (
            isinstance(node, ast.Attribute) and ast.unparse(node) in ("os.environ.get", "os.environ.pop")
        )
        assert not reads, f"{path} reads {ast.unparse(node)}: read it in settings.py"
        assert not (isinstance(node, ast.Attribute) and ast.unparse(node) == "os.getenv"), path
