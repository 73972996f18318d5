"""The checker finds a container's one fault, and no other: each of tests/laptop/containers is checked by all
rules."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from longshore.check.options import Options
from longshore.check.rule import Severity, Status
from longshore.check.rules import RULES
from longshore.check.runner import Result
from tests.support.checks import CONTAINERS, check, failed, options, statuses

# The container -> what must fail. Where there are several rules, the fault breaks each of them.
FAULTS: dict[str, set[str]] = {
    # start
    "does_no_batch": {"C2-batch", "C2-batch-local"},
    "listens_twice": {"A7-no-other-port"},
    "never_loads": {"A9-starts", "E1-runs"},
    "starts_with_few_variables": {"A6-many-variables"},
    "starts_without_line_ends_in_variables": {"A6-odd-values"},
    "writes_into_its_model": {"A17-model-read-only"},
    # health
    "exits_0_when_it_cannot_load": {"A10-exit-code"},
    "ping_flickers": {"A9-steady"},
    "ping_has_a_body": {"A8-empty-body"},
    "ping_is_well_with_a_broken_model": {"A10-broken-model"},
    "ping_is_well_without_a_model": {"A10-missing-model"},
    "ping_waits_for_the_model": {"A10-busy"},
    "ready_before_the_model_is": {"A10-ready"},
    "refuses_post_ping": {"A8-post"},
    "says_nothing_when_it_cannot_load": {"A18-says-why"},
    "serves_32_connections": {"A10-unfinished", "A11-beside-idle"},
    "worker_is_not_replaced": {"A10-crash-recovers"},
    # requests
    "answers_get_invocations": {"A11-wrong-method"},
    "closes_without_saying_so": {"A11-keep-alive"},
    "dies_of_empty_bodies": {"A12-empty"},
    "fails_at_empty_bodies": {"A12-empty"},
    "fails_at_malformed_csv": {"A16-malformed-csv"},
    "fails_at_malformed_json": {"A16-malformed-json"},
    "fails_at_unknown_accepts": {"A11-unknown-accept"},
    "fails_at_unknown_types": {"A11-unknown-type"},
    "fails_without_a_type": {"A11-no-type"},
    "forgets_the_second_of_two": {"A11-pipelined"},
    "has_all_paths": {"A11-unknown-path"},
    "knows_no_capitals": {"A13-type-case"},
    "knows_no_charset": {"A13-type-charset"},
    "mixes_up_its_callers": {"A11-concurrent"},
    "streams_without_an_end": {"A11-answers", "B1-ends"},
    "takes_30_mb": {"C3-100-MB"},
    "takes_5_mb": {"A12-25-MB", "C3-100-MB"},
    "takes_no_chunks": {"C3-chunked"},
    "wants_short_attributes": {"A14-custom-attributes"},
    "wants_short_headers": {"A14-longest"},
    # errors
    "answers_at_length": {"A16-short"},
    "answers_with_pages": {"A16-no-html"},
    "refuses_without_a_word": {"A16-says-something"},
    "shows_tracebacks": {"A16-no-traceback"},
    # stop
    "cuts_off_who_comes_while_it_stops": {"A3-refuses-cleanly"},
    "drops_what_is_under_way": {"A3-drains"},
    "exits_143": {"A3-exit-code"},
    "ignores_sigterm": {"A3-stops-in-time"},
    "ping_is_well_while_it_stops": {"A3-ping-turns"},
    # batch, metrics, logs
    "fails_at_parameters": {"C1-asked"},
    "has_no_metrics": {"A19-there"},
    "logs_every_ping": {"A18-quiet-ping"},
    "logs_in_colour": {"A18-plain"},
    "logs_nothing": {"A18-writes"},
    "loses_lines": {"C5-a-line-each"},
    "metrics_with_a_broken_line": {"A19-format"},
    "parameters_are_no_json": {"C1-json"},
    "parameters_beyond_the_limits": {"C3-limits"},
    "promises_more_than_it_takes": {"C1-keeps-its-word"},
    # training
    "fails_at_length": {"D6-failure-text"},
    "fails_without_a_file": {"D6-failure-file"},
    "failure_is_no_utf8": {"D6-failure-text"},
    "hyperparameters_through_a_shell": {"D2-odd-values"},
    "knows_no_fast_file": {"D3-fast-file"},
    "leaves_a_failure_file": {"D6-no-failure-file"},
    "model_is_a_link": {"A17-no-links"},
    "saves_no_model": {"D6-writes-a-model"},
    "training_hides_a_death": {"D7-killed"},
    "training_ignores_sigterm": {"D8-stops-in-time"},
    "trains_without_data": {"D7-missing-channel"},
    "wants_algo_1": {"D4-host-names"},
    "wants_known_keys": {"D4-unknown-keys"},
}
# What only an image can be asked, or a container of several processes, or one with that feature.
OF_IMAGES = {"A4-readable", "A7-label", "B7-size", "F4-linux", "F4-amd64", "F4-manifest", "F3-name"}
OF_IMAGES |= {"A4-any-user", "A5-no-network", "A7-label-is-true"}
OF_OTHERS = {"A10-crash-recovers", "A11-crash-answers", "A14-inference-id", "E1-runs", "E3-message"}
OF_OTHERS |= {"D7-killed", "D8-stops-in-time"}  # a training may be done before it can be stopped
FOR_EACH = "test_exactly_the_fault_is_found"


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Options:
    return options(tmp_path_factory.mktemp("check"))


def test_every_faulty_container_has_its_fault_named() -> None:
    files = {file.stem for file in CONTAINERS.glob("*.py")} - {"well_behaved"}
    assert files == FAULTS.keys()
    known = {rule.id for rule in RULES}
    assert all(found <= known for found in FAULTS.values())


def test_the_well_behaved_container_passes_all_that_can_be_asked_of_it(given: Options) -> None:
    results = check("well_behaved", given)
    assert failed(results) == {}
    not_asked = {id for id, status in statuses(results).items() if status is not Status.PASSED}
    assert not_asked - OF_IMAGES - OF_OTHERS == {
        id for id in not_asked if id.startswith(("B1", "B2", "B3", "B4"))
    }


@pytest.fixture(scope="module")
def checked(request: pytest.FixtureRequest, given: Options) -> Iterator[dict[str, Future[list[Result]]]]:
    """The results for each container a test was selected for: two at a time, since a check mostly waits."""
    selected = [item for item in request.session.items if isinstance(item, pytest.Function)]
    names = [str(item.callspec.params["name"]) for item in selected if item.originalname == FOR_EACH]
    with ThreadPoolExecutor(2) as pool:
        yield {name: pool.submit(check, name, given) for name in names}
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("name", FAULTS)
def test_exactly_the_fault_is_found(name: str, checked: dict[str, Future[list[Result]]]) -> None:
    results = checked[name].result()
    found = failed(results)
    assert found.keys() == FAULTS[name], found
    for result in results:
        if result.outcome.status is Status.FAILED:
            assert result.outcome.evidence
            assert result.outcome.remedy
            assert result.rule.severity in Severity
