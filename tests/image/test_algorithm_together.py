"""Tasks asked for twice, and tasks at once: each runs once, in a place of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support.s3 import S3Server
from tests.support.server import Server, wait_until
from tests.support.tasks import (
    KEY,
    OUTPUTS,
    RESULT,
    is_empty,
    lines,
    metric,
    serve,
    stored,
    task,
    two_buckets,
    waiting_for,
)


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with two_buckets(tmp_path_factory.mktemp("together")) as running:
        yield running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, s3: S3Server) -> Iterator[Server]:
    """Two tasks at once, and the next one waits for a second."""
    folder = tmp_path_factory.mktemp("together-server")
    with serve(folder, s3, ALGORITHM_CONCURRENCY=2, ALGORITHM_SIGNING_KEY_HEX=KEY) as running:
        yield running


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(16) as running:
        yield running


class Program:
    """Scripts that tell of their runs, and wait: the file `count` has a line for each."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.count, self._go = folder / "runs", folder / "go"
        self.counts = f"echo run >> '{self.count}'\n"
        self.waits = self.counts + waiting_for(self._go)

    @property
    def runs(self) -> int:
        return len(lines(self.count))

    def has_run(self, times: int) -> None:
        wait_until(lambda: self.runs >= times, f"{times} runs of the program")

    def may_end(self) -> None:
        self._go.touch()


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path / "program")


def result(response: requests.Response) -> dict[str, Any]:
    assert response.status_code == 200, response.text
    return dict(response.json())


def arrived(server: Server, how_many: int) -> None:
    """Wait until the worker has so many requests."""
    wait_until(lambda: metric(server, "longshore_requests_in_flight") == how_many, f"{how_many} requests")


# Asked for twice


def test_who_asks_while_it_runs_gets_the_answer_of_the_one_that_runs(
    server: Server, s3: S3Server, program: Program, pool: ThreadPoolExecutor
) -> None:
    given = task(s3, "asked-thrice", f"{program.waits} exit 3")  # not answered from its result file
    answers = [pool.submit(server.post, {**given, "timeout": seconds}) for seconds in (60, 61, 62)]
    program.has_run(1)
    arrived(server, 3)
    answers.append(pool.submit(server.post, {**given, "rerun": True}))
    arrived(server, 4)
    assert not any(answer.done() for answer in answers)
    program.may_end()
    contents = {answer.result().content for answer in answers}
    assert program.runs == 1
    (content,) = contents
    assert json.loads(content)["return_code"] == 3


def test_what_ended_well_is_answered_from_its_result_file(
    server: Server, s3: S3Server, program: Program
) -> None:
    given = task(s3, "ended-well", program.counts)
    answered = metric(server, "longshore_tasks_answered_total")
    first, second = server.post(given), server.post({**given, "timeout": 5})
    assert result(first)["reason"] == "ok"
    assert second.content == first.content
    assert program.runs == 1
    assert metric(server, "longshore_tasks_answered_total") == answered + 1


def test_what_ended_well_is_answered_by_another_server_too(
    server: Server, s3: S3Server, program: Program, tmp_path: Path
) -> None:
    given = task(s3, "restarted", program.counts)
    first = server.post(given)
    with serve(tmp_path / "another", s3, ALGORITHM_SIGNING_KEY_HEX=KEY) as another:
        assert another.post(given).content == first.content
        assert program.runs == 1
        assert result(another.post({**given, "rerun": True}))["reason"] == "ok"
        assert program.runs == 2


def test_rerun_runs_it_again(server: Server, s3: S3Server, program: Program) -> None:
    given = task(s3, "rerun", f"{program.counts} cp '{program.count}' $ALGORITHM_OUTPUT/x")
    server.post(given)
    second = server.post({**given, "rerun": True})
    assert program.runs == 2
    assert s3.get(OUTPUTS, "rerun/x") == b"run\nrun\n"
    assert s3.get(OUTPUTS, f"rerun/{RESULT}") == second.content


def test_what_failed_runs_again(server: Server, s3: S3Server, program: Program, tmp_path: Path) -> None:
    given = task(s3, "failed", f"{program.counts} [ -e '{tmp_path}/mended' ]")
    assert result(server.post(given))["reason"] == "exit"
    (tmp_path / "mended").touch()
    assert result(server.post(given))["reason"] == "ok"
    assert result(server.post(given))["reason"] == "ok"
    assert program.runs == 2


def test_a_result_file_that_we_have_not_signed_is_not_believed(
    server: Server, s3: S3Server, program: Program
) -> None:
    given = task(s3, "forged", program.counts)
    server.post(given)
    key = f"forged/{RESULT}"
    file = s3.client.get_object(Bucket=OUTPUTS, Key=key)
    content, metadata = file["Body"].read(), file["Metadata"]
    forged = content.replace(b'"outputs":[]', b'"outputs":[ ]')
    assert forged != content
    for runs, body, signature in ((2, forged, metadata), (3, content, {})):
        s3.client.put_object(Bucket=OUTPUTS, Key=key, Body=body, Metadata=signature)
        assert result(server.post(given))["reason"] == "ok"
        assert program.runs == runs
    s3.client.put_object(Bucket=OUTPUTS, Key=key, Body=content, Metadata=metadata)
    assert server.post(given).content == content
    assert program.runs == 3


@pytest.mark.parametrize("found", [b"", b"not JSON", b"[]", b'{"return_code": 0}', b"\xff" * 100])
def test_what_is_no_result_file_of_ours_is_replaced(server: Server, s3: S3Server, found: bytes) -> None:
    given = task(s3, f"replaced-{found.hex()[:8]}")
    s3.put(OUTPUTS, f"{given['output_prefix']}/{RESULT}", found)
    assert result(server.post(given)) == stored(s3, given["output_prefix"])


def test_a_result_for_other_inputs_is_not_believed(server: Server, s3: S3Server, program: Program) -> None:
    given = task(s3, "other-inputs", program.counts)
    server.post(given)
    more = {**given, "inputs": [*given["inputs"], {**given["inputs"][0], "relative_path": "again"}]}
    assert result(server.post(more))["request_sha256"] != result(server.post(given))["request_sha256"]
    assert program.runs == 3, "the first inputs' result has been replaced by then"
    assert result(server.post({**given, "pk": "another name"}))["pk"] == "another name"
    assert program.runs == 4


# At once


def test_two_run_at_once_and_a_third_is_told_to_come_again(
    server: Server, s3: S3Server, pool: ThreadPoolExecutor, tmp_path: Path
) -> None:
    def meets(mine: str, other: str) -> str:
        there = f"echo $ALGORITHM_INPUT > '{tmp_path}/{mine}'\n"
        return there + waiting_for(tmp_path / other) + waiting_for(tmp_path / "go")

    done = task(s3, "done-before")
    before = server.post(done).content
    answers = [
        pool.submit(server.post, task(s3, "meets-1", meets("one", "two"))),
        pool.submit(server.post, task(s3, "meets-2", meets("two", "one"))),
    ]
    wait_until(lambda: len(lines(tmp_path / "one") + lines(tmp_path / "two")) == 2, "both at once")
    assert lines(tmp_path / "one") != lines(tmp_path / "two")
    third = task(s3, "third")
    refused = server.post(third)
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
    assert refused.json()["detail"].startswith("2 tasks run already")
    assert server.post(done).content == before, "what is there already needs no place"
    assert server.ping() == 200
    assert metric(server, "longshore_tasks_running") == 2
    (tmp_path / "go").touch()
    assert [result(answer.result())["reason"] for answer in answers] == ["ok", "ok"]
    assert result(server.post(third))["reason"] == "ok"
    assert metric(server, "longshore_tasks_running") == 0
    assert is_empty(server.folder / "work")


def test_a_request_that_is_wrong_is_refused_although_all_places_are_taken(
    server: Server, s3: S3Server, pool: ThreadPoolExecutor, program: Program
) -> None:
    answers = [pool.submit(server.post, task(s3, f"takes-{n}", program.waits)) for n in (1, 2)]
    program.has_run(2)
    assert server.post({"pk": "x"}).status_code == 400
    program.may_end()
    assert all(result(answer.result()) for answer in answers)


def test_another_task_for_the_same_prefix_is_refused_while_one_runs(
    server: Server, s3: S3Server, pool: ThreadPoolExecutor, program: Program
) -> None:
    given = task(s3, "same-prefix", program.waits)
    answer = pool.submit(server.post, given)
    program.has_run(1)
    other = {**task(s3, "other"), "output_prefix": "same-prefix/"}
    refused = server.post(other)
    assert refused.status_code == 409
    assert "same-prefix" in refused.json()["detail"]
    program.may_end()
    assert result(answer.result())["pk"] == "same-prefix"
    assert result(server.post(other))["pk"] == "other"


def test_a_program_with_folders_of_its_own_does_one_task_at_a_time(
    s3: S3Server, pool: ThreadPoolExecutor, tmp_path: Path
) -> None:
    inputs, outputs = tmp_path / "in", tmp_path / "out"
    script = f"""
        mkdir '{tmp_path}/alone' || exit 9
        [ "$ALGORITHM_INPUT" = '{inputs}' ] || exit 8
        sleep 0.1
        cp '{inputs}/program.sh' '{outputs}/copy'
        ls '{outputs}' > '{outputs}/all'
        rmdir '{tmp_path}/alone'
    """
    with serve(
        tmp_path / "one-at-a-time",
        s3,
        ALGORITHM_WAIT_SECONDS=60,
        ALGORITHM_INPUT_PATH=inputs,
        ALGORITHM_OUTPUT_PATH=outputs,
    ) as server:
        answers: list[Future[requests.Response]] = [
            pool.submit(server.post, task(s3, f"in-turn-{n}", script)) for n in range(6)
        ]
        for n, answer in enumerate(answers):
            assert result(answer.result())["reason"] == "ok"
            assert s3.get(OUTPUTS, f"in-turn-{n}/all") == b"all\ncopy\n"
        assert is_empty(inputs)
        assert is_empty(outputs)


def test_a_second_task_for_one_pair_of_folders_gets_503_and_never_a_500(
    s3: S3Server, pool: ThreadPoolExecutor, program: Program, tmp_path: Path
) -> None:
    with serve(
        tmp_path / "no-wait", s3, ALGORITHM_WAIT_SECONDS=0, ALGORITHM_OUTPUT_PATH=tmp_path / "out"
    ) as server:
        first = pool.submit(server.post, task(s3, "first", program.waits))
        program.has_run(1)
        others = [server.post(task(s3, f"second-{n}")) for n in range(5)]
        assert [(answer.status_code, answer.headers["Retry-After"]) for answer in others] == [(503, "5")] * 5
        assert others[0].json()["detail"].startswith("One task runs already")
        assert server.ping() == 200
        program.may_end()
        assert result(first.result())["reason"] == "ok"
