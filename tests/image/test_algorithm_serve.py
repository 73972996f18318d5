"""The algorithm runner behind a real serve: what a program sees, and what is seen of it."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.archives import zip_of
from tests.support.s3 import S3Server
from tests.support.server import Server, wait_until
from tests.support.tasks import (
    INPUTS,
    KEY,
    OUTPUTS,
    an_input,
    is_empty,
    metric,
    serve,
    stored,
    task,
    two_buckets,
    waiting_for,
)


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with two_buckets(tmp_path_factory.mktemp("serve")) as running:
        running.put(INPUTS, "data.zip", zip_of([("folder/a", b"a"), ("folder/b/c", b"c")]))
        yield running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, s3: S3Server) -> Iterator[Server]:
    with serve(
        tmp_path_factory.mktemp("serve-server"),
        s3,
        ALGORITHM_CONCURRENCY=2,
        ALGORITHM_CONCURENCY=3,
        ALGORITHM_SIGNING_KEY_HEX=KEY,
        ALGORITHM_PASS_ENVIRONMENT="MODEL_SERVER_TIMEOUT",
        MODEL_SERVER_TIMEOUT=77,
        GRAND_CHALLENGE_COMPONENT_SIGTERM_GRACE_SECONDS=1,
        AWS_CONTAINER_AUTHORIZATION_TOKEN="a secret of the container's role",
        OTHER="kept",
    ) as running:
        yield running


def test_a_misspelt_setting_is_pointed_out_in_the_log(server: Server) -> None:
    said = [line["message"] for line in server.log() if "nothing reads it" in line["message"]]
    assert said == ["ALGORITHM_CONCURENCY is set, but nothing reads it. Did you mean ALGORITHM_CONCURRENCY?"]


def test_transform_jobs_are_told_to_send_single_records_as_many_as_run_at_once(server: Server) -> None:
    told = server.get("/execution-parameters").json()
    assert told == {"BatchStrategy": "SINGLE_RECORD", "MaxConcurrentTransforms": 2, "MaxPayloadInMB": 6}


def test_a_malformed_request_is_answered_with_400_that_names_the_field(server: Server, s3: S3Server) -> None:
    response = server.post(task(s3, "malformed", output_prefix=7))
    assert (response.status_code, response.headers["Content-Type"]) == (400, "application/problem+json")
    assert response.json()["detail"] == "output_prefix: expected a string, got a number."


def test_a_program_sees_neither_credentials_nor_our_settings_but_what_is_allowed(
    server: Server, s3: S3Server
) -> None:
    server.post(task(s3, "environment", "env -0 > $ALGORITHM_OUTPUT/env"))
    env = s3.get(OUTPUTS, "environment/env")
    assert env is not None
    seen = dict(entry.decode().partition("=")[::2] for entry in env.split(b"\0") if entry)
    assert s3.secret_key.encode() not in env
    assert KEY.encode() not in env
    assert b"a secret" not in env
    ours = ("ALGORITHM_", "GRAND_CHALLENGE_", "MODEL_SERVER_", "AWS_", "LONGSHORE_", "PROMETHEUS_", "RUNNER")
    assert {name for name in seen if name.startswith(ours)} == {
        "ALGORITHM_INPUT",
        "ALGORITHM_OUTPUT",
        "ALGORITHM_PROGRESS",
        "ALGORITHM_TASK_ID",
        "AWS_DEFAULT_REGION",
        "AWS_ENDPOINT_URL_S3",
        "LONGSHORE_RUN",  # by which what it leaves running is found
        "MODEL_SERVER_TIMEOUT",
    }
    assert (seen["ALGORITHM_TASK_ID"], seen["MODEL_SERVER_TIMEOUT"], seen["OTHER"]) == (
        "environment",
        "77",
        "kept",
    )


def test_each_line_of_a_program_is_one_json_line_with_the_tasks_name(server: Server, s3: S3Server) -> None:
    pk = 'a "name"\n../of\u2028any ü {}'
    script = r"""
        printf 'caf\303\251 \377 \000 end\n'
        printf '{"not": "ours"}\n' >&2
        printf '10 %%\r20 %%\r\n'
        printf 'no newline'
    """
    assert server.post(task(s3, "logs", script, pk=pk)).json()["pk"] == pk
    log = [line for line in server.log() if line.get("task") == pk]
    lines = {(line["source"], line["message"]) for line in log if line["logger"] == "program"}
    assert lines == {
        ("stdout", "café \\xff \0 end"),
        ("stderr", '{"not": "ours"}'),
        ("stdout", "20 %"),
        ("stdout", "no newline"),
    }
    assert server.stderr.isascii()
    ids = {line["request_id"] for line in log if "request_id" in line}
    assert len(ids) == 1
    rest = [line for line in server.log() if line.get("request_id") in ids]
    assert [line.get("task") for line in rest] == [pk] * len(rest), "every line of a task tells whose it is"
    assert len(rest) >= 2, "its begin and its end at least"


def test_progress_reaches_the_log_the_metrics_and_the_result(
    server: Server, s3: S3Server, tmp_path: Path
) -> None:
    script = f"""
        echo '0.25 slice 1' > $ALGORITHM_PROGRESS
        {waiting_for(tmp_path / "go")}
        echo '0.875 slice 7' >> $ALGORITHM_PROGRESS
    """
    gauge = 'longshore_task_progress{place="0"}'
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(server.post, task(s3, "progress", script))
        wait_until(lambda: metric(server, gauge) == 0.25, "the first progress in /metrics")
        said = [line["message"] for line in server.log() if line.get("task") == "progress"]
        assert "progress: 25 % slice 1" in said
        (tmp_path / "go").touch()
        assert answer.result().json()["progress"] == {"fraction": 0.875, "text": "slice 7"}
    assert metric(server, gauge) == 0.875
    done = metric(server, 'longshore_tasks_total{reason="ok"}')
    server.post(task(s3, "without-progress"))
    assert metric(server, gauge) == 0
    assert metric(server, 'longshore_tasks_total{reason="ok"}') == done + 1


def test_a_link_in_the_output_is_neither_followed_nor_emptied(
    server: Server, s3: S3Server, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("secret")
    script = f"""
        ln -s '{tmp_path}' $ALGORITHM_OUTPUT/folder
        ln -s '{tmp_path}/secret' $ALGORITHM_OUTPUT/file
        ln -s nowhere $ALGORITHM_OUTPUT/broken
        mkfifo $ALGORITHM_OUTPUT/pipe
        echo mine > $ALGORITHM_OUTPUT/mine
    """
    result = server.post(task(s3, "links", script)).json()
    assert [output["relative_path"] for output in result["outputs"]] == ["mine"]
    assert [key for key in s3.keys(OUTPUTS, "links/") if "secret" in key or "folder" in key] == []
    assert (tmp_path / "secret").read_text() == "secret"
    assert is_empty(server.folder / "work")


def test_an_image_of_grand_challenge_runs_as_it_is(s3: S3Server, tmp_path: Path) -> None:
    """Its CMD and ENTRYPOINT, its folders, its names of variables; the input folder is a link."""

    def b64j(value: object) -> str:
        return base64.b64encode(json.dumps(value).encode()).decode()

    inputs, outputs, links = tmp_path / "input", tmp_path / "output", tmp_path / "links"
    script = f"readlink '{inputs}' > '{outputs}/link'; cp -r '{inputs}'/. '{outputs}'; pwd; echo $0 $1"
    with serve(
        tmp_path / "server",
        s3,
        GRAND_CHALLENGE_COMPONENT_ENTRYPOINT_B64J=b64j(["/bin/sh", "-c", script]),
        GRAND_CHALLENGE_COMPONENT_CMD_B64J=b64j(["zero", "one"]),
        GRAND_CHALLENGE_COMPONENT_INPUT_PATH=inputs,
        GRAND_CHALLENGE_COMPONENT_OUTPUT_PATH=outputs,
        GRAND_CHALLENGE_COMPONENT_LINKED_INPUT_PARENT=links,
        GRAND_CHALLENGE_COMPONENT_ASYNC_CONCURRENCY=50,
    ) as server:
        for prefix in ("gc-1", "gc-2"):
            asked = {**task(s3, prefix), "inputs": [an_input("data.zip", "x/y.zip", decompress=True)]}
            result = server.post(asked).json()
            assert (result["return_code"], result) == (0, stored(s3, prefix))
            paths = [output["relative_path"] for output in result["outputs"]]
            assert paths == ["link", "x/a", "x/b/c"]
            link = s3.get(OUTPUTS, f"{prefix}/link")
            assert link is not None
            assert Path(link.decode().strip()).parent == links
        said = [line["message"] for line in server.log() if line["logger"] == "program"]
        assert said[-1] == "zero one"
    assert all(map(is_empty, (inputs, outputs, links)))
    assert not inputs.is_symlink()
