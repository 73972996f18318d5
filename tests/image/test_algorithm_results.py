"""The result file: what is in it, that it comes last, and that it comes whatever has failed."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support.disk import small_disk
from tests.support.fault_proxy import FaultProxy, PassOn, Refuse
from tests.support.s3 import S3Server
from tests.support.server import Server
from tests.support.tasks import (
    INPUTS,
    KEY,
    OUTPUTS,
    RESULT,
    an_input,
    is_empty,
    serve,
    stored,
    task,
    two_buckets,
)

MANY = 'for i in $(seq 60); do echo $i > "$ALGORITHM_OUTPUT/$i"; done'


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with two_buckets(tmp_path_factory.mktemp("results")) as running:
        yield running


@pytest.fixture(scope="module")
def module_proxy(s3: S3Server) -> Iterator[FaultProxy]:
    with FaultProxy(s3.url) as running:
        yield running


@pytest.fixture
def proxy(module_proxy: FaultProxy) -> Iterator[FaultProxy]:
    """Between the server and S3, and new for each test, which may give it a fault."""
    module_proxy.begin(lambda _: PassOn())
    yield module_proxy
    module_proxy.begin(lambda _: PassOn())


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, s3: S3Server, module_proxy: FaultProxy
) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("results-server")
    with serve(folder, s3, ALGORITHM_SIGNING_KEY_HEX=KEY, AWS_ENDPOINT_URL_S3=module_proxy.url) as running:
        yield running


def answered(server: Server, s3: S3Server, given: dict[str, Any]) -> dict[str, Any]:
    """The answer to a task: the result file that is stored, signed, with nothing left of the task here."""
    response = server.post(given)
    assert (response.status_code, response.headers["Content-Type"]) == (200, "application/json")
    check_stored(s3, given, response.content)
    assert is_empty(server.folder / "work")
    return dict(response.json())


def check_stored(s3: S3Server, given: dict[str, Any], content: bytes) -> None:
    file = s3.client.get_object(Bucket=given["output_bucket_name"], Key=f"{given['output_prefix']}/{RESULT}")
    assert file["Body"].read() == content
    assert file["ContentType"] == "application/json"
    signature = hmac.new(bytes.fromhex(KEY), content, hashlib.sha256).hexdigest()
    metadata = {name.lower(): value for name, value in file["Metadata"].items()}  # S3 makes them lower
    assert metadata == {"signature_hmac_sha256": signature}


def test_the_answer_is_the_signed_result_file_with_every_field(server: Server, s3: S3Server) -> None:
    script = """
        echo 0.25 begun > "$ALGORITHM_PROGRESS"
        mkdir "$ALGORITHM_OUTPUT/b"
        printf 'one' > "$ALGORITHM_OUTPUT/b/1.txt"
        cp "$ALGORITHM_INPUT/in/data" "$ALGORITHM_OUTPUT/a.bin"
        echo 'a line' >&2
        echo '0.75 nearly done' > "$ALGORITHM_PROGRESS"
    """
    s3.put(INPUTS, "some data", bytes(range(256)) * 1000)
    given = task(s3, "all-fields", script, pk="the/pk ü")
    given["inputs"].append(an_input("some data", "in/data"))
    result = answered(server, s3, given)
    outputs, durations = result.pop("outputs"), result.pop("durations")
    assert [output["relative_path"] for output in outputs] == ["a.bin", "b/1.txt"]
    for output in outputs:
        data = s3.get(OUTPUTS, f"all-fields/{output['relative_path']}")
        assert data is not None
        assert output == {
            "relative_path": output["relative_path"],
            "bucket_name": OUTPUTS,
            "bucket_key": f"all-fields/{output['relative_path']}",
            "size": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
            "decompress": False,
        }
    assert s3.get(OUTPUTS, "all-fields/a.bin") == bytes(range(256)) * 1000
    assert set(durations) == {"fetch", "run", "store"}
    assert all(0 < seconds < 60 for seconds in durations.values())
    assert re.fullmatch(r"PT\d+(\.\d+)?S", result.pop("exec_duration"))
    assert re.fullmatch("[0-9a-f]{64}", result.pop("request_sha256"))
    assert result.pop("sagemaker_shim_version") == f"longshore {result.pop('longshore_version')}"
    assert result == {
        "pk": "the/pk ü",
        "return_code": 0,
        "user_safe_error_message": "",
        "user_process_last_stderr_lines": ["a line"],
        "invoke_duration": None,
        "reason": "ok",
        "progress": {"fraction": 0.75, "text": "nearly done"},
    }


def test_the_result_file_is_stored_after_all_outputs(server: Server, s3: S3Server, proxy: FaultProxy) -> None:
    result = answered(server, s3, task(s3, "last", MANY))
    assert len(result["outputs"]) == 60
    puts = [request.path for request in proxy.seen if request.method == "PUT"]
    assert len(set(puts)) == 61  # now and then S3 wants one of them again
    assert puts.index(f"/{OUTPUTS}/last/{RESULT}") == len(puts) - 1
    folder = s3.folder / OUTPUTS / "last"
    ended = (folder / RESULT).stat().st_ctime_ns
    assert all((folder / output["relative_path"]).stat().st_ctime_ns <= ended for output in result["outputs"])


def missing_key(s3: S3Server) -> dict[str, Any]:
    given = task(s3, "missing-key")
    given["inputs"].append(an_input("no/such/key", "x/y.txt"))
    return given


def missing_bucket(s3: S3Server) -> dict[str, Any]:
    given = task(s3, "missing-bucket")
    given["inputs"].append(an_input("key", "y.txt", bucket="no-such-bucket"))
    return given


def not_an_archive(s3: S3Server) -> dict[str, Any]:
    s3.put(INPUTS, "not-an-archive", b"plain text")
    given = task(s3, "not-an-archive-task")
    given["inputs"].append(an_input("not-an-archive", "y.zip", decompress=True))
    return given


FAILURES: dict[str, Any] = {
    "a missing key": (missing_key, "input", 1, "'x/y.txt'.*no object 'no/such/key' in bucket 'inputs'"),
    "a missing bucket": (missing_bucket, "input", 1, "no-such-bucket"),
    "no archive": (not_an_archive, "input", 1, "y.zip"),
    "an exit code": ("echo why >&2; exit 3", "exit", 3, r"The program ended with code 3\."),
    "a signal": ("kill -USR1 $$", "signal", -10, r"by SIGUSR1\."),
    "a kill": ("kill -KILL $$", "signal", -9, r"by SIGKILL\. .*out of memory"),
    "a signal without a name": ("kill -40 $$", "signal", -40, r"by signal 40\."),
    "a name that is no UTF-8": ('> "$ALGORITHM_OUTPUT/$(printf "a\\377")"', "output", 1, "not valid UTF-8"),
    "a key that is too long": (
        'n=$(printf %0200d 0); d="$ALGORITHM_OUTPUT/$n/$n/$n/$n/$n"; mkdir -p "$d"; > "$d/f"',
        "output",
        1,
        "1,024",
    ),
    "the result file's own name": (
        f'mkdir "$ALGORITHM_OUTPUT/.sagemaker_shim"; echo "{{}}" > "$ALGORITHM_OUTPUT/{RESULT}"',
        "output",
        1,
        "the result file has its name",
    ),
    "no output folder": ('rmdir "$ALGORITHM_OUTPUT"', "output", 1, "output folder cannot be read"),
}


@pytest.mark.parametrize("what", FAILURES)
def test_what_fails_is_told_in_the_result_file(server: Server, s3: S3Server, what: str) -> None:
    made, reason, code, message = FAILURES[what]
    given = task(s3, what, made) if isinstance(made, str) else made(s3)
    result = answered(server, s3, given)
    assert (result["reason"], result["return_code"]) == (reason, code)
    assert re.search(message, result["user_safe_error_message"])
    assert str(server.folder) not in result["user_safe_error_message"]
    assert result["outputs"] == []
    stages = {"input": {"fetch"}, "output": {"fetch", "run", "store"}}.get(reason, {"fetch", "run"})
    assert set(result["durations"]) == stages
    assert result["user_process_last_stderr_lines"] == (["why"] if what == "an exit code" else [])


def test_a_program_that_outlasts_its_time_is_a_timeout(server: Server, s3: S3Server) -> None:
    result = answered(server, s3, task(s3, "too-long", "echo begun >&2; sleep 60", timeout="PT2.5S"))
    assert (result["reason"], result["return_code"]) == ("timeout", 1)
    assert result["user_safe_error_message"] == "The program had not ended within its 2.5 s."
    assert result["user_process_last_stderr_lines"] == ["begun"]


@pytest.mark.parametrize("denied", ["get", "put"])
def test_what_is_denied_is_told_in_the_result_file(
    server: Server, s3: S3Server, proxy: FaultProxy, denied: str
) -> None:
    ours = ("/denied/in", f"/{OUTPUTS}/denied-put/x")
    proxy.begin(lambda asked: Refuse(403, "AccessDenied") if asked.path.endswith(ours) else PassOn())
    given = task(s3, f"denied-{denied}", '> "$ALGORITHM_OUTPUT/x"')
    if denied == "get":
        given["inputs"].append(an_input("denied/in", "in"))
    result = answered(server, s3, given)
    assert (result["reason"], result["return_code"]) == ("input" if denied == "get" else "output", 1)
    assert "denied" in result["user_safe_error_message"].lower()


def test_a_task_without_its_output_bucket_is_refused_before_anything_runs(
    server: Server, s3: S3Server, tmp_path: Path
) -> None:
    ran = tmp_path / "ran"
    given = task(s3, "nowhere", f"> '{ran}'", output_bucket_name="no-such-bucket")
    problem(server.post(given), 400, "output_bucket_name: there is no bucket 'no-such-bucket'.")
    assert not ran.exists()
    response = server.post({**given, "rerun": True})  # nobody looks for a result then
    problem(response, 502, "its result file could not be stored: S3 answered 404 NoSuchBucket.")
    assert ran.exists()
    assert server.ping() == 200
    s3.make_bucket("no-such-bucket-yet")
    again = {**given, "output_bucket_name": "no-such-bucket-yet"}
    assert answered(server, s3, again)["reason"] == "ok"


def problem(response: requests.Response, status: int, detail: str) -> None:
    assert (response.status_code, response.headers["Content-Type"]) == (status, "application/problem+json")
    assert detail in response.json()["detail"]
    assert "Traceback" not in response.text
    assert ".py" not in response.text


def test_with_the_wrong_credentials_the_answer_is_502_and_no_traceback(s3: S3Server, tmp_path: Path) -> None:
    with serve(tmp_path, s3, AWS_SECRET_ACCESS_KEY="wrong", ALGORITHM_COMMAND="true") as server:
        response = server.post(task(s3, "denied-all"))
        problem(response, 502, "its result file could not be stored: S3 answered 403")
        assert "wrong" not in response.text
    assert stored(s3, "denied-all") is None


def test_a_program_that_cannot_be_started_is_told_in_the_result_file(s3: S3Server, tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text("#!/no/such/interpreter\n")
    program.chmod(0o755)
    with serve(tmp_path, s3, ALGORITHM_COMMAND=f'["{program}"]') as server:
        result = server.post(task(s3, "no-program")).json()
    assert result == stored(s3, "no-program")
    assert (result["reason"], result["return_code"]) == ("start", 1)
    assert "cannot be started: its first line asks for /no/such" in result["user_safe_error_message"]
    assert s3.client.head_object(Bucket=OUTPUTS, Key=f"no-program/{RESULT}")["Metadata"] == {}


def test_a_full_disk_is_told_in_the_result_file(s3: S3Server, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    s3.put(INPUTS, "large", os.urandom(6_000_000))
    with small_disk(disk, "4m"), serve(tmp_path, s3, ALGORITHM_WORK_DIR=disk) as server:
        given = task(s3, "too-large-for-the-disk")
        given["inputs"].append(an_input("large", "large"))
        result = server.post(given).json()
        assert (result["reason"], result["return_code"]) == ("disk", 1)
        assert "disk" in result["user_safe_error_message"]
        assert stored(s3, "too-large-for-the-disk") == result
        assert is_empty(disk)
        fill = 'dd if=/dev/zero of="$ALGORITHM_OUTPUT/x" bs=64k'
        result = server.post(task(s3, "fills-the-disk", f"LC_ALL=C {fill}")).json()
        assert (result["reason"], result["return_code"]) == ("exit", 1)
        assert "No space left on device" in json.dumps(result["user_process_last_stderr_lines"])
        assert stored(s3, "fills-the-disk") == result
        whole = server.post(task(s3, "fills-the-disk-and-says-nothing", f"{fill}; true")).json()
        assert whole["reason"] == "ok", "what a program makes of a full disk is its own affair"
        assert is_empty(disk)
