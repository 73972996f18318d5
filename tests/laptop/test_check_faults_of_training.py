"""Exactly the fault is found in containers that train or process, and in what is done to files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from longshore.check.options import Options
from longshore.check.rules import RULES
from longshore.check.runner import run
from longshore.check.session import Session
from longshore.engines.base import HOST_PREFIX
from longshore.engines.host import HostEngine
from tests.support.checks import CONTAINERS, check, failed
from tests.support.faults import TRAINING, Checks, exactly


@pytest.mark.parametrize("name", TRAINING)
def test_exactly_the_fault_is_found(name: str, checked: Checks) -> None:
    exactly(name, checked)


def test_a_model_with_a_link_is_found(given: Options, tmp_path: Path) -> None:
    assert given.model is not None
    (tmp_path / "model.json").symlink_to(given.model / "model.json")
    some = tuple(rule for rule in RULES if rule.number == "A17")
    found = failed(check("well_behaved", replace(given, model=tmp_path), some))
    assert found == {"A17-model-links": "model.json"}


@pytest.mark.parametrize(
    ("name", "rule", "written"),
    [
        ("writes_into_its_model", "A17-untouched", "cache"),
        ("writes_into_its_inputs", "D5-input-read-only", "cache"),
    ],
)
def test_what_is_written_where_nothing_prevents_it_is_found(
    name: str, rule: str, written: str, given: Options
) -> None:
    # Without namespaces of its own a program can write to what is mounted read-only elsewhere.
    image = f"{HOST_PREFIX}{CONTAINERS / name}.py"
    some = [each for each in RULES if each.number in ("A17", "D5")]
    with Session(HostEngine(namespaces=False), image, given) as session:
        found = failed(run(session, some))
    assert found.keys() == {rule}, found
    assert written in found[rule]
