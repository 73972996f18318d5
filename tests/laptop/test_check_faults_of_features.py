"""Exactly the fault is found in containers that stream, take WebSockets, have sessions or several models."""

from __future__ import annotations

import pytest

from longshore.check.options import Options
from longshore.check.rule import Status
from tests.support.checks import check, failed, statuses
from tests.support.faults import FEATURES, WITHOUT_FAULT, Checks, exactly, told


@pytest.mark.parametrize("name", FEATURES)
def test_exactly_the_fault_is_found(name: str, checked: Checks) -> None:
    exactly(name, checked)


@pytest.mark.parametrize("name", WITHOUT_FAULT)
def test_what_has_a_feature_without_a_fault_passes_its_rules(name: str, given: Options) -> None:
    results = check(name, told(name, given))
    assert failed(results) == {}
    found = statuses(results)
    assert {id for id in WITHOUT_FAULT[name] if found[id] is not Status.PASSED} == set()
