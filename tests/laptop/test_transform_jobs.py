"""Transform jobs: from objects through a real server to objects, and how they end."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.emulator import EmulatorProcess
from tests.support.jobs import transform
from tests.support.server import wait_until

GROUP = "/aws/sagemaker/TransformJobs"
CSV = {"ContentType": "text/csv", "SplitType": "Line"}


def completed(emulator: EmulatorProcess, name: str) -> None:
    job = emulator.ended("Transform", name)
    assert job["TransformJobStatus"] == "Completed", job.get("FailureReason")
    assert job["CreationTime"] <= job["TransformStartTime"] <= job["TransformEndTime"]


def numbers(start: int, stop: int) -> bytes:
    return b"".join(b"%d\n" % number for number in range(start, stop))


def requests_seen(emulator: EmulatorProcess, name: str, key: str) -> dict[str, Any]:
    """What tests/jobs/serves.py told of the one request of an object that is neither CSV nor JSON."""
    found: dict[str, Any] = json.loads(emulator.get(name, key).split(b"\n", 1)[0])
    return found


@pytest.mark.parametrize("strategy", ["MultiRecord", "SingleRecord"])
def test_lines_keep_their_order(emulator: EmulatorProcess, name: str, strategy: str) -> None:
    emulator.put(name, **{"in/a.csv": numbers(0, 500), "in/deep/b.csv": b"7\n8", "in2/c.csv": b"1"})
    transform(
        emulator,
        name,
        given=CSV,
        wanted={"AssembleWith": "Line", "Accept": "text/csv"},
        BatchStrategy=strategy,
        MaxConcurrentTransforms=4,
        MaxPayloadInMB=1,
    )
    completed(emulator, name)
    assert emulator.keys(name, "out/") == ["out/a.csv.out", "out/deep/b.csv.out"]
    assert emulator.get(name, "out/a.csv.out") == b"".join(b"%d\n" % (2 * n) for n in range(500))
    assert emulator.get(name, "out/deep/b.csv.out") == b"14\n16\n"
    streams = emulator.log_lines(GROUP, f"{name}/")
    log = next(lines for stream, lines in streams.items() if stream.endswith("/data-log"))
    told = {"MultiRecord": "MULTI_RECORD", "SingleRecord": "SINGLE_RECORD"}[strategy]
    assert log[0].endswith(f"MaxConcurrentTransforms=4, MaxPayloadInMB=1, BatchStrategy={told}")
    assert ["serving"] in streams.values()


def test_many_objects_are_in_flight_together_and_shared_by_instances(
    emulator: EmulatorProcess, name: str
) -> None:
    emulator.put(name, **{f"in/{number}": b"x" for number in range(12)})
    transform(emulator, name, {"SECONDS": "0.5"}, count=2, MaxConcurrentTransforms=3, MaxPayloadInMB=1)
    completed(emulator, name)
    seen = [requests_seen(emulator, name, f"out/{number}.out") for number in range(12)]
    assert max(one["most"] for one in seen) == 3
    assert len({one["environment"]["LONGSHORE_CONTAINER"] for one in seen}) == 2


def test_the_container_is_told_only_what_the_job_says(emulator: EmulatorProcess, name: str) -> None:
    emulator.put(name, **{"in/a": b"\x89PNG"})
    transform(
        emulator,
        name,
        {"MODELS": "own"},
        given={"ContentType": "image/png"},
        wanted={"Accept": "image/jpeg"},
        Environment={"JOBS": "own"},
        BatchStrategy="SingleRecord",
    )
    completed(emulator, name)
    seen = requests_seen(emulator, name, "out/a.out")
    assert {key: value for key, value in seen["environment"].items() if key.startswith("SAGEMAKER_")} == {
        "SAGEMAKER_BATCH": "true",
        "SAGEMAKER_BATCH_STRATEGY": "SINGLE_RECORD",
        "SAGEMAKER_BIND_TO_PORT": seen["environment"]["SAGEMAKER_BIND_TO_PORT"],
    }
    assert seen["environment"]["MODELS"] == seen["environment"]["JOBS"] == "own"
    assert seen["headers"]["Content-Type"] == "image/png" and seen["headers"]["Accept"] == "image/jpeg"
    assert seen["headers"]["Content-Length"] == "4"
    assert emulator.get(name, "out/a.out").endswith(b"\n\x89PNG")


def test_a_payload_of_0_is_sent_chunked_as_it_is_read(emulator: EmulatorProcess, name: str) -> None:
    body = bytes(range(256)) * 40_000
    emulator.put(name, **{"in/large": body})
    transform(emulator, name, MaxPayloadInMB=0)
    completed(emulator, name)
    headers = requests_seen(emulator, name, "out/large.out")["headers"]
    assert headers["Transfer-Encoding"] == "chunked" and "Content-Length" not in headers
    assert emulator.get(name, "out/large.out").split(b"\n", 1)[1] == body


def test_the_containers_own_parameters_count_where_the_job_is_silent(
    emulator: EmulatorProcess, name: str
) -> None:
    emulator.put(name, **{"in/a": b"x"})
    wanted = {"MaxConcurrentTransforms": 8, "BatchStrategy": "SINGLE_RECORD", "MaxPayloadInMB": 2}
    transform(emulator, name, {"PARAMETERS": json.dumps(wanted)})
    completed(emulator, name)
    (log,) = (
        lines
        for stream, lines in emulator.log_lines(GROUP, f"{name}/").items()
        if stream.endswith("data-log")
    )
    assert log[0].endswith("MaxConcurrentTransforms=8, MaxPayloadInMB=2, BatchStrategy=SINGLE_RECORD")


@pytest.mark.parametrize("parameters", ["[]", '{"MaxConcurrentTransforms": 0}', '{"BatchStrategy": "Both"}'])
def test_parameters_that_cannot_be_fail_the_job(
    emulator: EmulatorProcess, name: str, parameters: str
) -> None:
    emulator.put(name, **{"in/a": b"x"})
    transform(emulator, name, {"PARAMETERS": parameters})
    assert "/execution-parameters" in emulator.ended("Transform", name)["FailureReason"]


def test_gzip_is_unpacked_and_what_is_none_fails(emulator: EmulatorProcess, name: str) -> None:
    emulator.put(name, **{"in/a.csv.gz": gzip.compress(numbers(0, 3)), "in/b.csv.gz": b"1\n2\n"})
    transform(emulator, name, given={**CSV, "CompressionType": "Gzip"})
    job = emulator.ended("Transform", name)
    assert (
        job["FailureReason"] == f"ClientError: s3://{name}/in/b.csv.gz is not gzip, as CompressionType says."
    )
    assert emulator.get(name, "out/a.csv.gz.out") == b"0\n2\n4\n"


def test_results_are_joined_with_their_records(emulator: EmulatorProcess, name: str) -> None:
    lines = b"".join(b'{"id": %d, "in": {"x": %d}}\n' % (n, n + 10) for n in range(3))
    emulator.put(name, **{"in/a.jsonl": lines})
    transform(
        emulator,
        name,
        given={"ContentType": "application/jsonlines", "SplitType": "Line"},
        wanted={"AssembleWith": "Line"},
        DataProcessing={
            "InputFilter": "$.in",
            "JoinSource": "Input",
            "OutputFilter": "$['id','SageMakerOutput']",
        },
    )
    completed(emulator, name)
    found = [json.loads(line) for line in emulator.get(name, "out/a.jsonl.out").splitlines()]
    assert found == [{"id": n, "SageMakerOutput": {"y": 2 * (n + 10)}} for n in range(3)]


def test_one_bad_object_fails_the_job_and_the_others_are_stored(emulator: EmulatorProcess, name: str) -> None:
    emulator.put(name, **{"in/a.csv": b"1\n", "in/b.csv": b"2\n666\n3\n", "in/c.csv": b"4\n"})
    transform(emulator, name, {"FAIL_ON": "666"}, given=CSV, BatchStrategy="SingleRecord")
    job = emulator.ended("Transform", name)
    assert job["TransformJobStatus"] == "Failed"
    reason = f"s3://{name}/in/b.csv, request 2: the container answered 400: This cannot be doubled."
    assert job["FailureReason"] == f"ClientError: {reason}"
    assert emulator.keys(name, "out/") == ["out/a.csv.out", "out/c.csv.out"]
    (log,) = (
        lines
        for stream, lines in emulator.log_lines(GROUP, f"{name}/").items()
        if stream.endswith("data-log")
    )
    assert log[1].endswith(f"{name}/in/b.csv: ClientError: {reason}")


def test_a_busy_container_is_asked_again(emulator: EmulatorProcess, name: str) -> None:
    emulator.put(name, **{"in/a.csv": b"1\n"})
    transform(emulator, name, {"BUSY": "1"}, given=CSV)
    completed(emulator, name)
    assert emulator.get(name, "out/a.csv.out") == b"2\n"


def test_after_the_last_try_the_answer_is_told(emulator: EmulatorProcess, name: str) -> None:
    emulator.put(name, **{"in/a.csv": b"1\n"})
    client = {"InvocationsMaxRetries": 1, "InvocationsTimeoutInSeconds": 5}
    transform(emulator, name, {"BUSY": "2"}, given=CSV, ModelClientConfig=client)
    reason = emulator.ended("Transform", name)["FailureReason"]
    assert reason.endswith("in/a.csv, request 1: the container answered 503: busy (tried 2 times)")


def test_a_container_that_hangs_is_given_up(emulator: EmulatorProcess, name: str) -> None:
    emulator.put(name, **{"in/a.csv": b"1\n"})
    client = {"InvocationsMaxRetries": 0, "InvocationsTimeoutInSeconds": 1}
    transform(emulator, name, {"HANGS": "yes"}, given=CSV, ModelClientConfig=client)
    assert "did not answer within 1 s" in emulator.ended("Transform", name)["FailureReason"]


def test_a_container_that_does_not_start_is_told_with_its_last_lines(
    emulator: EmulatorProcess, name: str
) -> None:
    emulator.put(name, **{"in/a.csv": b"1\n"})
    transform(emulator, name, program="fails.py")
    reason = emulator.ended("Transform", name)["FailureReason"]
    assert "exit code 3 before it passed the ping health check. Its last lines: cannot go on" in reason


def test_a_container_that_dies_ends_the_job(emulator: EmulatorProcess, name: str) -> None:
    emulator.put(name, **{f"in/{number}.csv": b"%d\n" % number for number in range(20)})
    client = {"InvocationsMaxRetries": 0}
    transform(emulator, name, {"DIE_ON": "3"}, given=CSV, ModelClientConfig=client)
    reason = emulator.ended("Transform", name)["FailureReason"]
    assert "the container did not answer" in reason and "has ended with exit code 7" in reason


def test_a_job_can_be_stopped_while_it_waits_for_an_answer(emulator: EmulatorProcess, name: str) -> None:
    emulator.put(name, **{"in/a.csv": b"1\n"})
    transform(emulator, name, {"HANGS": "yes"}, given=CSV)
    wait_until(
        lambda: any(stream.endswith("data-log") for stream in emulator.log_lines(GROUP, f"{name}/")),
        "it sends",
    )
    emulator.client("sagemaker").stop_transform_job(TransformJobName=name)
    job = emulator.ended("Transform", name)
    assert job["TransformJobStatus"] == "Stopped"
    assert emulator.keys(name, "out/") == []
    with pytest.raises(ClientError, match="the transform job is in status Stopped"):
        emulator.client("sagemaker").stop_transform_job(TransformJobName=name)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        (
            {"given": {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://no-such/"}}}},
            "No S3",
        ),
        ({"wanted": {"S3OutputPath": "s3://no-such-bucket/x"}}, '"no-such-bucket" does not exist'),
        ({"MaxPayloadInMB": 101}, "may be 100"),
        ({"MaxPayloadInMB": 30, "MaxConcurrentTransforms": 4}, "may be 100 at most"),
        ({"ModelClientConfig": {"InvocationsMaxRetries": 3, "InvocationsTimeoutInSeconds": 3601}}, "3600"),
        ({"DataProcessing": {"JoinSource": "Input"}}, "ContentType to be text/csv"),
        ({"given": CSV, "DataProcessing": {"InputFilter": "nonsense"}}, "does not begin with $"),
        ({"ModelName": "unknown"}, "Could not find model"),
    ],
)
def test_what_cannot_be_is_refused_at_once(
    emulator: EmulatorProcess, name: str, members: dict[str, Any], message: str
) -> None:
    emulator.put(name, **{"in/a": b"x"})
    with pytest.raises(ClientError, match=r"\(ValidationException\)") as refused:
        transform(emulator, name, **members)
    assert message in str(refused.value)
