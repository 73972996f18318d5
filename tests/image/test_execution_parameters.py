"""/execution-parameters for all machines and settings: computed, and within the 100 MB rule (C1 to C3)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from longshore_runtime import settings
from longshore_runtime.errors import StartError
from longshore_runtime.serving import execution_parameters


def parameters(**environ: object) -> dict[str, object]:
    return execution_parameters.compute(settings.load({name: str(value) for name, value in environ.items()}))


def test_two_workers_take_two_requests_at_once() -> None:
    assert parameters(MODEL_SERVER_WORKERS=2) == {
        "MaxConcurrentTransforms": 2,
        "BatchStrategy": "MULTI_RECORD",
        "MaxPayloadInMB": 6,
    }


def test_a_model_that_takes_several_at_once_is_sent_as_many_as_leave_room_for_the_usual_payload() -> None:
    two = settings.load({"MODEL_SERVER_WORKERS": "2"})
    for at_once, sent in ((4, 8), (64, 16)):
        parameters = execution_parameters.compute(two, at_once)
        assert (parameters["MaxConcurrentTransforms"], parameters["MaxPayloadInMB"]) == (sent, 6)


def test_many_workers_leave_less_for_each_payload() -> None:
    assert parameters(MODEL_SERVER_WORKERS=25)["MaxPayloadInMB"] == 4


def test_more_workers_than_the_rule_has_room_for() -> None:
    many = parameters(MODEL_SERVER_WORKERS=200)
    assert (many["MaxConcurrentTransforms"], many["MaxPayloadInMB"]) == (100, 1)


def test_what_the_job_has_set_is_repeated() -> None:
    job = {
        "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": 4,
        "SAGEMAKER_MAX_PAYLOAD_IN_MB": 20,
        "SAGEMAKER_BATCH_STRATEGY": "SINGLE_RECORD",
    }
    assert list(parameters(**job).values()) == [4, "SINGLE_RECORD", 20]


def test_chunked_bodies_stay_announced_as_such() -> None:
    assert parameters(SAGEMAKER_MAX_PAYLOAD_IN_MB=0)["MaxPayloadInMB"] == 0


@given(
    workers=st.integers(1, 256),
    limit=st.integers(1, 1024),
    concurrency=st.none() | st.integers(1, 100),
    payload=st.none() | st.integers(1, 100),
)
def test_the_product_never_exceeds_100_mb(
    workers: int, limit: int, concurrency: int | None, payload: int | None
) -> None:
    job = {
        "MODEL_SERVER_WORKERS": workers,
        "MODEL_SERVER_MAX_PAYLOAD_MB": limit,
        "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": concurrency,
        "SAGEMAKER_MAX_PAYLOAD_IN_MB": payload,
    }
    try:
        given_out = parameters(**{name: value for name, value in job.items() if value is not None})
    except StartError:
        return  # what the job asks for breaks the rule itself, and is refused at the start
    most, each = given_out["MaxConcurrentTransforms"], given_out["MaxPayloadInMB"]
    assert isinstance(most, int) and isinstance(each, int)
    assert most >= 1 and 1 <= each <= limit and most * each <= 100
