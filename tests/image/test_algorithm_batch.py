"""container/invoke: tasks in order, from the command line or from S3, and an exit code that tells all."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.programs import runs
from tests.support.s3 import S3Server
from tests.support.server import PATIENCE, environment, wait_until
from tests.support.tasks import (
    AS_OURSELVES,
    INPUTS,
    INVOKE,
    KEY,
    OUTPUTS,
    RESULT,
    RUN_SCRIPT,
    invoke,
    lines,
    stored,
    task,
    two_buckets,
    waiting_for,
)


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with two_buckets(tmp_path_factory.mktemp("batch")) as running:
        yield running


class Batch:
    """Tasks of one test, whose scripts write their names into one file as they run."""

    def __init__(self, s3: S3Server, folder: Path, **scripts: str) -> None:
        self._s3, self._ran = s3, folder / "ran"
        self.tasks = [self.task(name, script) for name, script in scripts.items()]

    def task(self, name: str, script: str) -> dict[str, Any]:
        return task(self._s3, name, f"echo {name} >> '{self._ran}'\n{script}")

    @property
    def json(self) -> str:
        return json.dumps(self.tasks)

    @property
    def ran(self) -> list[str]:
        return lines(self._ran)

    def reasons(self) -> list[str | None]:
        """How each task ended, None where it has no result file."""
        results = [stored(self._s3, each["output_prefix"]) for each in self.tasks]
        return [None if result is None else result["reason"] for result in results]


def test_tasks_run_in_order_and_leave_signed_result_files(s3: S3Server, tmp_path: Path) -> None:
    batch = Batch(s3, tmp_path, b="sleep 0.3; echo a line", a="> $ALGORITHM_OUTPUT/x", c="true")
    done = invoke(s3, "--tasks", batch.json, ALGORITHM_SIGNING_KEY_HEX=KEY, TMPDIR=str(tmp_path))
    assert (done.returncode, done.stdout) == (0, "")
    assert batch.ran == ["b", "a", "c"]
    assert batch.reasons() == ["ok", "ok", "ok"]
    assert "a/x" in s3.keys(OUTPUTS)
    assert s3.client.head_object(Bucket=OUTPUTS, Key=f"a/{RESULT}")["Metadata"]
    logged = [json.loads(line) for line in done.stderr.splitlines()]
    said = [(line["task"], line["message"]) for line in logged if line["logger"] == "program"]
    assert said == [("b", "a line")]
    assert {path.name for path in tmp_path.iterdir()} == {"ran"}, "nothing is left behind"


def test_the_first_failure_is_the_last_task_and_its_code_the_exit_code(s3: S3Server, tmp_path: Path) -> None:
    batch = Batch(s3, tmp_path, one="true", two="exit 7", three="true")
    done = invoke(s3, "-t", batch.json)
    assert done.returncode == 7
    assert batch.ran == ["one", "two"]
    assert batch.reasons() == ["ok", "exit", None]
    assert "1 of 3 tasks have not been run" in done.stderr


def test_keep_going_runs_the_rest_and_still_tells_of_the_first_failure(s3: S3Server, tmp_path: Path) -> None:
    batch = Batch(s3, tmp_path, k1="kill -KILL $$", k2="true", k3="exit 5")
    done = invoke(s3, "--tasks", batch.json, "--keep-going")
    assert done.returncode == 128 + signal.SIGKILL
    assert batch.ran == ["k1", "k2", "k3"]
    assert batch.reasons() == ["signal", "ok", "exit"]


def test_what_ended_well_before_does_not_run_again(s3: S3Server, tmp_path: Path) -> None:
    batch = Batch(s3, tmp_path, again="true")
    batch.tasks *= 2
    assert invoke(s3, "--tasks", batch.json).returncode == 0
    assert batch.ran == ["again"]


def test_a_result_file_that_cannot_be_stored_is_exit_code_1(s3: S3Server, tmp_path: Path) -> None:
    batch = Batch(s3, tmp_path, nowhere="true", after="true")
    batch.tasks[0] |= {"output_bucket_name": "no-such-bucket", "rerun": True}
    done = invoke(s3, "--tasks", batch.json)
    assert (done.returncode, batch.ran) == (1, ["nowhere"])
    assert "Traceback" not in done.stderr


def test_the_tasks_may_be_in_S3(s3: S3Server, tmp_path: Path) -> None:
    batch = Batch(s3, tmp_path, filed="exit 3")
    s3.put(INPUTS, "lists/tasks.json", batch.json.encode())
    assert invoke(s3, "--file", f"s3://{INPUTS}/lists/tasks.json").returncode == 3
    assert batch.ran == ["filed"]


USAGE = "usage: invoke "
REFUSED: dict[str, tuple[list[str], str]] = {
    "neither": ([], USAGE),
    "both": (["--tasks", "[]", "--file", "s3://a/b"], USAGE),
    "a missing field": (["--tasks", '[{"pk": "1"}]'], "invoke: --tasks: [0].inputs: it is missing."),
    "no address": (["--file", "tasks.json"], "invoke: --file: 'tasks.json' is no address in S3."),
    "no such file": (
        ["--file", "s3://inputs/no-such"],
        "invoke: --file: s3://inputs/no-such: S3 answered 404",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_read_is_exit_code_2_and_names_the_fault(s3: S3Server, what: str) -> None:
    arguments, message = REFUSED[what]
    done = invoke(s3, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    said = [line for line in done.stderr.splitlines() if not line.startswith("{")]
    assert said[0].startswith(message)
    assert "Traceback" not in done.stderr


def test_a_program_that_is_not_named_is_exit_code_2(s3: S3Server) -> None:
    done = subprocess.run(
        [INVOKE, "--tasks", "[]"], env=environment(**s3.environment()), capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("invoke: ALGORITHM_COMMAND: it is not set")


@contextlib.contextmanager
def begun(s3: S3Server, batch: Batch, **variables: int) -> Iterator[subprocess.Popen[bytes]]:
    """invoke as a process whose first task runs."""
    given: dict[str, str | Path | int] = {"ALGORITHM_COMMAND": RUN_SCRIPT, **s3.environment()}
    given |= AS_OURSELVES
    given |= variables
    process = subprocess.Popen(
        [INVOKE, "--tasks", batch.json],
        env=environment(**given),
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        wait_until(lambda: batch.ran, "the first task's begin")
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_a_signal_lets_the_task_end_and_begins_no_other(
    s3: S3Server, tmp_path: Path, number: signal.Signals
) -> None:
    script = f"{waiting_for(tmp_path / 'go')} echo done > $ALGORITHM_OUTPUT/x"
    batch = Batch(s3, tmp_path, **{f"ends-after-{number.name}": script, f"not-after-{number.name}": "true"})
    with begun(s3, batch) as process:
        process.send_signal(number)
        assert process.stderr is not None
        while b"the task that runs has 15 s to end" not in (line := process.stderr.readline()):
            assert line, "the log ended"
        (tmp_path / "go").touch()
        process.communicate(timeout=PATIENCE)
        assert process.returncode == 128 + signal.SIGTERM
    assert batch.reasons() == ["ok", None]
    assert len(batch.ran) == 1


def test_a_task_that_does_not_end_after_a_signal_is_stopped(s3: S3Server, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    batch = Batch(s3, tmp_path, stopped=f"echo $$ > '{pid}'; exec sleep 300", unborn="true")
    with begun(s3, batch, ALGORITHM_GRACE_SECONDS=18) as process:  # which leaves 2 s
        wait_until(lambda: lines(pid), "the program's start")
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE)
        assert process.returncode == 128 + signal.SIGTERM
    assert batch.reasons() == ["stopped", None]
    assert not runs(int(pid.read_text()))


def test_a_second_signal_stops_the_task_at_once(s3: S3Server, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    batch = Batch(s3, tmp_path, twice=f"trap 'exit 4' TERM; > '{ready}'; sleep 300 & wait")
    with begun(s3, batch, ALGORITHM_GRACE_SECONDS=0) as process:  # 20 s, which nobody waits here
        wait_until(ready.exists, "the script")
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=10)
        assert process.returncode in (4, 128 + signal.SIGKILL)
    assert batch.reasons() == ["stopped"]
