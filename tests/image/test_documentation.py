"""docs/ held against the code: what is documented is there, and what is there is documented."""

from __future__ import annotations

import re

import longshore
from longshore_runtime import algorithm_settings, contract, model_settings, settings
from tests.support.server import CHECKOUT

CONFIGURATION = (CHECKOUT / "docs" / "configuration.md").read_text()
ALL = (*settings.VARIABLES, *algorithm_settings.VARIABLES)


def rows() -> dict[tuple[str, ...], list[str]]:
    """The tables' rows: the names in the first column -> the other columns."""
    found = {}
    for line in CONFIGURATION.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| `"):
            found[tuple(re.findall(r"`([A-Z0-9_]+)`", cells[0]))] = cells[1:]
    return found


def test_every_variable_has_its_row_and_every_row_its_variable() -> None:
    documented = set(rows())
    read = {variable.names for variable in ALL} | {settings.THREAD_POOL_VARIABLES}
    assert documented == read


def test_defaults_and_what_is_allowed_are_the_codes_own() -> None:
    documented = rows()
    for variable in ALL:
        default, allowed, _ = documented[variable.names]
        assert allowed == variable.allowed, variable.names
        if variable.default is not None:
            assert default == (f"`{variable.default}`" if variable.default else "nothing"), variable.names


def test_the_places_of_the_queue_are_the_codes_own() -> None:
    default, *_ = rows()[("MODEL_SERVER_MAX_QUEUE",)]
    assert default.startswith(f"{model_settings.DEFAULT_QUEUE},")


def test_the_version_is_that_of_the_package() -> None:
    assert longshore.__version__ == contract.VERSION
