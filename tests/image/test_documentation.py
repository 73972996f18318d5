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


def test_the_readmes_figures_are_those_of_the_bench_pages() -> None:
    """The least and the greatest ratio to the classic stack that the pages' tables of expectations have."""
    pages = "".join((CHECKOUT / "bench" / page).read_text() for page in ("results.md", "peers.md"))
    readme = " ".join((CHECKOUT / "README.md").read_text().split())
    subjects = {
        "the requests with CSV": r"\| CSV, (?:requests per second|to the classic)",
        "with JSON": r"\| JSON, (?:requests per second|to the classic)",
        "with a model that takes several": r"\| batched, [a-zA-Z ]+: to the classic",
    }
    for words, row in subjects.items():
        ratios = [float(ratio) for ratio in re.findall(rf"{row}.*?\| ([0-9.]+) × \|", pages)]
        said = re.search(rf"([0-9.]+) to ([0-9.]+) times {words}", readme)
        assert ratios and said, words
        assert [float(said[1]), float(said[2])] == [round(min(ratios), 1), round(max(ratios), 1)], words


def test_the_version_is_that_of_the_package() -> None:
    assert longshore.__version__ == contract.VERSION
