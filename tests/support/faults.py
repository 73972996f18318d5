"""The small containers of tests/laptop/containers: which rules each breaks."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import replace
from typing import Any

from longshore.check.options import Options
from longshore.check.rule import Severity, Status
from longshore.check.runner import Result
from tests.support.checks import failed

# The container -> what must fail. Where there are several rules, the fault breaks each of them.
SERVING: dict[str, set[str]] = {
    # start
    "does_no_batch": {"C2-batch", "C2-batch-local"},
    "listens_twice": {"A7-no-other-port"},
    "never_loads": {"A9-starts"},
    "starts_after_a_second": {"B7-starts-soon"},
    "starts_with_few_variables": {"A6-many-variables"},
    "starts_without_line_ends_in_variables": {"A6-odd-values"},
    "writes_into_its_model": {"A17-model-read-only"},
    "writes_into_var_tmp": {"A4-read-only-root"},
    # health
    "exits_0_at_its_start": {"A9-starts", "A10-exit-code"},
    "exits_0_when_it_cannot_load": {"A10-exit-code"},
    "ping_flickers": {"A9-steady"},
    "ping_has_a_body": {"A8-empty-body"},
    "ping_is_well_once": {
        *("A8-get", "A8-post", "A9-steady", "A10-busy", "A10-unfinished"),
        *("A11-clients-that-go", "A11-no-http"),
    },
    "ping_is_well_with_a_broken_model": {"A10-broken-model"},
    "ping_is_well_without_a_model": {"A10-missing-model"},
    "ping_waits_for_the_model": {"A10-busy"},
    "ready_before_the_model_is": {"A10-ready"},
    "refuses_post_ping": {"A8-post"},
    "says_nothing_when_it_cannot_load": {"A18-says-why"},
    "serves_32_connections": {"A10-unfinished", "A11-beside-idle"},
    "serves_6_connections": {"A10-unfinished", "A11-accepts", "A11-beside-idle"},
    "worker_is_not_replaced": {"A10-crash-recovers"},
    # requests
    "answers_get_invocations": {"A11-wrong-method"},
    "closes_without_saying_so": {"A11-keep-alive"},
    "dies_of_empty_bodies": {"A12-empty"},
    "dies_of_half_a_head": {"A11-clients-that-go"},
    "fails_at_a_length_that_is_none": {"A11-no-http"},
    "answers_with_long_headers": {"B6-answer-headers"},
    "fails_at_empty_bodies": {"A12-empty"},
    "fails_for_good_after_an_empty_body": {"A11-still-answers"},
    "fails_at_malformed_csv": {"A16-malformed-csv"},
    "fails_at_half_a_body": {"A16-truncated"},
    "fails_at_malformed_json": {"A16-malformed-json"},
    "fails_at_malformed_npy": {"A16-malformed-binary"},
    "fails_at_unknown_accepts": {"A11-unknown-accept"},
    "fails_at_unknown_types": {"A11-unknown-type"},
    "fails_without_a_type": {"A11-no-type"},
    "forgets_the_second_of_two": {"A11-pipelined"},
    "gives_no_leave_to_send": {"A11-expect"},
    "has_all_paths": {"A11-unknown-path"},
    "knows_no_capitals": {"A13-type-case"},
    "knows_no_charset": {"A13-type-charset"},
    "makes_up_inference_ids": {"A14-inference-id"},
    "mixes_up_its_callers": {"A11-concurrent"},
    "refuses_unknown_headers": {"A13-unknown-headers"},
    "says_no_type": {"A15-content-type"},
    "takes_30_mb": {"C3-100-MB"},
    "takes_5_mb": {"A12-25-MB", "C3-100-MB"},
    "takes_no_chunks": {"C3-chunked"},
    "waits_for_a_dead_worker": {"A11-crash-answers"},
    "wants_a_certain_accept": {"A11-any-accept"},
    "wants_short_attributes": {"A14-custom-attributes"},
    "wants_short_headers": {"A14-longest"},
    "wants_the_head_at_once": {"A11-in-pieces"},
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
    "metrics_fail_while_it_computes": {"A19-in-time"},
    "metrics_with_a_broken_line": {"A19-format"},
    "parameters_are_no_json": {"C1-json"},
    "parameters_beyond_the_limits": {"C3-limits"},
    "promises_more_than_it_takes": {"C1-keeps-its-word"},
    "sorts_its_answers": {"C5-in-order"},
}
FEATURES: dict[str, set[str]] = {
    # streaming
    "ends_a_stream_whose_worker_died": {"B1-cut"},
    "streams_for_too_long": {"A11-answers", "B1-in-time"},
    "streams_without_an_end": {"A11-answers", "B1-ends"},
    # WebSockets
    "answers_no_pong": {"B2-pong"},
    "takes_websockets_unread": {"B2-websocket"},
    # sessions
    "forgets_its_sessions": {"B3-known-session"},
    "session_that_is_over": {"B3-new-session"},
    "session_without_an_expiry": {"B3-new-session"},
    "takes_any_session": {"B3-unknown-session"},
    # several models
    "hides_which_models_are_there": {"B4-absent"},
    "lists_models_by_name_alone": {"B4-list"},
    "loads_and_does_not_answer": {"B4-invoke"},
    "denies_that_it_loaded": {"B4-load"},
    "loads_twice": {"B4-load-twice"},
    "unloads_for_good": {"B4-unload"},
}
TRAINING: dict[str, set[str]] = {
    # training
    "cannot_resume": {"D6-resumes"},
    "cannot_train": {"D1-trains"},
    "fails_at_length": {"D6-failure-text"},
    "fails_without_a_file": {"D6-failure-file"},
    "failure_is_no_utf8": {"D6-failure-text"},
    "hyperparameters_through_a_shell": {"D2-odd-values"},
    "knows_no_fast_file": {"D3-fast-file"},
    "leaves_a_failure_file": {"D6-no-failure-file"},
    "model_is_a_link": {"A17-no-links"},
    "never_ends": {"D1-trains"},
    "saves_no_model": {"D6-writes-a-model"},
    "training_hides_a_death": {"D7-killed"},
    "training_ignores_sigterm": {"D8-stops-in-time"},
    "trains_without_data": {"D7-missing-channel"},
    "trains_without_line_ends_in_variables": {"D9-odd-environment"},
    "wants_algo_1": {"D4-host-names"},
    "wants_known_keys": {"D4-unknown-keys"},
    "writes_into_its_inputs": {"D1-trains"},
    # processing
    "job_fails": {"E1-runs"},
    "message_is_too_long": {"E3-message"},
}
FAULTS = SERVING | FEATURES | TRAINING
# What has no fault, and the rules that it is for: the well-behaved one has nothing of theirs.
WITHOUT_FAULT = {
    "well_behaved_models": {"B4-list", "B4-load", "B4-load-twice", "B4-invoke", "B4-absent", "B4-unload"},
    "well_behaved_sessions": {"B3-new-session", "B3-known-session", "B3-unknown-session"},
    "well_behaved_stream_worker": {"B1-ends", "B1-in-time", "B1-cut"},
    "well_behaved_streams": {"B1-ends", "B1-in-time"},
    "well_behaved_websockets": {"B2-websocket", "B2-pong"},
}
# Odd, but correct, and the rules that warn about them. No error is true of them.
ODD: dict[str, set[str]] = {
    "odd_answers": {"A10-broken-model", "A10-missing-model"},
    "odd_headers": {"A13-type-case", "A13-type-charset", "A13-unknown-headers"},
    "odd_mlflow": {"A16-no-traceback"},
    "odd_pandas": {"A12-empty", "A13-type-case", "A13-type-charset", "A16-malformed-csv"},
    "odd_stop": set(),
}
# What a check is told beside the usual.
TOLD: dict[str, dict[str, Any]] = {
    "starts_after_a_second": {"serverless_start_seconds": 0.5},
    "never_ends": {"training_seconds": 2},
    "streams_for_too_long": {"stream_seconds": 0.4},
    **{
        name: {"environment": {"SAGEMAKER_MULTI_MODEL": "true"}}
        for name, rules in (FAULTS | WITHOUT_FAULT).items()
        if any(id.startswith("B4-") for id in rules)
    },
}
Checks = dict[str, Future[list[Result]]]


def told(name: str, given: Options) -> Options:
    """What a check of this container is told."""
    return replace(given, **TOLD.get(name, {}))


def exactly(name: str, checked: Checks) -> None:
    """Exactly its fault was found, and is explained."""
    results = checked[name].result()
    found = failed(results)
    assert found.keys() == (FAULTS | ODD)[name], found
    for result in results:
        if result.outcome.status is Status.FAILED:
            assert result.outcome.evidence
            assert result.outcome.remedy
            assert result.rule.severity in Severity
