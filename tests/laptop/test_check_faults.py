"""The checker finds a container's one fault, and no other: each is checked by all rules. Here: those that
serve."""

from __future__ import annotations

import pytest

from longshore.check.options import Options
from longshore.check.report import failures
from longshore.check.rule import Severity, Status
from longshore.check.rules import RULES
from tests.support.checks import CONTAINERS, check, failed, statuses
from tests.support.faults import FAULTS, ODD, SERVING, WITHOUT_FAULT, Checks, exactly
from tests.support.server import CHECKOUT

# The rules that no container here breaks, and the test of each.
ELSEWHERE = dict.fromkeys(
    (
        *("A1-exec-form", "A2-no-tini", "A4-any-user", "A4-readable", "A4-root", "A5-no-credentials"),
        *("A5-no-network", "A7-bind-to-port", "A7-label", "A7-label-is-true", "B2-label", "B7-size"),
        *("F3-name", "F4-amd64", "F4-linux"),
    ),
    CHECKOUT / "tests" / "end_to_end" / "test_check_image.py",
) | {
    "A17-model-links": CHECKOUT / "tests" / "laptop" / "test_check_faults_of_training.py",
    "A17-untouched": CHECKOUT / "tests" / "laptop" / "test_check_faults_of_training.py",
    "D5-input-read-only": CHECKOUT / "tests" / "laptop" / "test_check_faults_of_training.py",
    "F4-manifest": CHECKOUT / "tests" / "laptop" / "test_check_manifest.py",
    "F5-docker-manifest": CHECKOUT / "tests" / "laptop" / "test_check_manifest.py",
}
# What only an image can be asked, or a container of several processes, or one with that feature.
OF_IMAGES = {"A4-readable", "A7-label", "B7-size", "F4-linux", "F4-amd64", "F4-manifest"}
OF_IMAGES |= {"F5-docker-manifest", "F3-name"}
OF_IMAGES |= {"A4-any-user", "A5-no-network", "A7-label-is-true"}
OF_OTHERS = {"A10-crash-recovers", "A11-crash-answers", "A14-inference-id", "E1-runs", "E3-message"}
OF_OTHERS |= {"D7-killed", "D8-stops-in-time"}  # a training may be done before it can be stopped
OF_OTHERS |= {"D6-resumes"}


@pytest.mark.parametrize("name", SERVING)
def test_exactly_the_fault_is_found(name: str, checked: Checks) -> None:
    exactly(name, checked)


@pytest.mark.parametrize("name", ODD)
def test_an_odd_container_gets_no_error(name: str, checked: Checks) -> None:
    exactly(name, checked)
    results = checked[name].result()
    assert failures(results, Severity.ERROR) == []
    assert statuses(results)["A12-25-MB"] is Status.PASSED


@pytest.mark.parametrize(
    ("name", "severity"),
    [
        ("dies_of_empty_bodies", Severity.ERROR),
        ("fails_at_empty_bodies", Severity.WARNING),
        ("fails_at_malformed_json", Severity.WARNING),
        ("mixes_up_its_callers", Severity.ERROR),
        ("takes_5_mb", Severity.ERROR),
    ],
)
def test_an_error_is_what_a_valid_request_fails_on(name: str, severity: Severity, checked: Checks) -> None:
    results = checked[name].result()
    assert {r.severity for r in results if r.outcome.status is Status.FAILED} >= {severity}
    assert bool(failures(results, Severity.ERROR)) is (severity is Severity.ERROR)


@pytest.mark.parametrize("name", ["fails_at_a_length_that_is_none"])
def test_the_evidence_names_what_was_malformed(name: str, checked: Checks) -> None:
    evidence = failed(checked[name].result())["A11-no-http"]
    assert (
        evidence == "POST /invocations with `Content-Length: minus one` → HTTP/1.1 500 Internal Server Error"
    )


@pytest.mark.parametrize("name", ["fails_at_a_length_that_is_none"])
def test_all_rules_about_labels_give_the_same_reason_for_a_checkout(name: str, checked: Checks) -> None:
    rules = {"A7-label", "A7-label-is-true", "B2-label"}
    given = {r.outcome.evidence for r in checked[name].result() if r.rule.id in rules}
    assert given == {"a checkout has no labels"}


def test_every_faulty_container_has_its_fault_named() -> None:
    files = {file.stem for file in CONTAINERS.glob("*.py")} - {"well_behaved", "waits_for_its_name"}
    assert files == FAULTS.keys() | ODD.keys() | WITHOUT_FAULT.keys()


def test_every_rule_is_broken_by_a_test() -> None:
    here = set().union(*FAULTS.values())
    assert {rule.id for rule in RULES} == here | ELSEWHERE.keys()
    assert not here & ELSEWHERE.keys()
    for id, test in ELSEWHERE.items():
        assert id in test.read_text(), f"{id}: not in {test}"


def test_the_well_behaved_container_passes_all_that_can_be_asked_of_it(given: Options) -> None:
    results = check("well_behaved", given)
    assert failed(results) == {}
    not_asked = {id for id, status in statuses(results).items() if status is not Status.PASSED}
    assert not_asked - OF_IMAGES - OF_OTHERS == {
        id for id in not_asked if id.startswith(("B1", "B2", "B3", "B4"))
    }
