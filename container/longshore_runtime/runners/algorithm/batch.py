"""Tasks from the command line instead of over HTTP: container/invoke, for batch use.

They run one after the other, in order; each leaves its result file as any task does. After a failure the
rest do not run, unless asked for.
"""

from __future__ import annotations

import argparse
import os
import select
import signal
import threading
from collections.abc import Sequence

from longshore_runtime import contract, logs, parse, signals
from longshore_runtime.algorithm_settings import AlgorithmSettings
from longshore_runtime.errors import RequestError, StartError
from longshore_runtime.runners.algorithm import request, result
from longshore_runtime.runners.algorithm.execution import Algorithm
from longshore_runtime.runners.algorithm.outcome import TaskError
from longshore_runtime.runners.algorithm.program.process import may_run_on
from longshore_runtime.runners.algorithm.request import Task
from longshore_runtime.runners.algorithm.s3.client import S3, S3Error, retry

log = logs.get("invoke")

_LIST_MAX = 64 << 20  # bytes of a list of tasks in S3


def arguments(argv: Sequence[str]) -> argparse.Namespace:
    """The command line, read; argparse prints what is wrong with it and exits with 2."""
    parser = argparse.ArgumentParser(prog="invoke", description="Run tasks one after the other, in order.")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("-t", "--tasks", metavar="JSON", help="a JSON list of tasks")
    source.add_argument("-f", "--file", metavar="s3://BUCKET/KEY", help="where in S3 such a list is")
    parser.add_argument(
        "-k", "--keep-going", action="store_true", help="run the tasks after one that failed, too"
    )
    return parser.parse_args(argv)


def run(settings: AlgorithmSettings, given: argparse.Namespace) -> int:
    """Run the tasks; returns 0 where all ended well, else the code of the first that did not.

    Raises StartError where the tasks cannot be read or the program cannot be started. A signal's code is
    128 and its number, as in a shell. After SIGTERM or SIGINT no further task begins.
    """
    algorithm = Algorithm(settings, _report)
    tasks = _tasks(algorithm.s3, given)
    stopping, stop = threading.Event(), threading.Event()
    _stop_at_signals(stopping, stop, settings.grace_seconds)
    algorithm.start()
    code = 0
    try:
        for number, task in enumerate(tasks):
            if stopping.is_set() or (code and not given.keep_going):
                log.error("%d of %d tasks have not been run", len(tasks) - number, len(tasks))
                return code or 128 + signal.SIGTERM
            ended = _ended(algorithm, task, stop)
            log.info("task %d of %d, %.200s: code %d", number + 1, len(tasks), task.pk, ended)
            code = code or ended
    finally:
        algorithm.end()
    return code


def _ended(algorithm: Algorithm, task: Task, stop: threading.Event) -> int:
    """The exit code that tells how this task ended."""
    try:
        done = result.decode(algorithm.perform(task, 0, stop))
    except RequestError as error:  # its result file could not be stored
        log.error("%s", error.detail)
        return 1
    assert done is not None
    return 128 - done.return_code if done.return_code < 0 else min(done.return_code, 255)


def _tasks(s3: S3, given: argparse.Namespace) -> list[Task]:
    where, text = "--tasks", given.tasks
    if given.file is not None:
        where, text = "--file", _fetched(s3, given.file)
    try:
        return request.parse_many(text)
    except RequestError as error:
        raise StartError(where, error.detail, "Give a JSON list of tasks.") from None


def _fetched(s3: S3, address: str) -> bytes:
    try:
        bucket, key = parse.s3_uri(address)
    except ValueError:
        raise StartError("--file", f"{address!r} is no address in S3.", "Give s3://BUCKET/KEY.") from None
    parts: list[bytes] = []

    def take(piece: memoryview) -> None:
        parts.append(bytes(piece))
        if sum(map(len, parts)) > _LIST_MAX:
            raise StartError("--file", f"{address} is larger than {_LIST_MAX >> 20} MiB.", "Split it.")

    def attempt() -> bytes:
        parts.clear()
        s3.request("GET", bucket, key, sink=take)
        return b"".join(parts)

    try:
        return retry(attempt, f"fetching {address}")
    except (S3Error, TaskError) as error:
        raise StartError("--file", f"{address}: {error}", "Check the address and the role.") from None


def _stop_at_signals(stopping: threading.Event, stop: threading.Event, grace: int) -> None:
    """SIGTERM and SIGINT let the running task end for a while, then stop it; a second stops it at once."""
    after = may_run_on(contract.DRAIN_SECONDS, grace)
    reading = signals.pipe()

    def wait() -> None:
        (number,) = os.read(reading, 1)
        stopping.set()
        log.warning("%s: the task that runs has %d s to end", signal.Signals(number).name, after)
        select.select([reading], [], [], after)
        stop.set()

    # A thread, not a handler: that could need a lock which what it interrupts holds.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)  # the pipe carries the number
    threading.Thread(target=wait, name="signals", daemon=True).start()


def _report(why_not: str | None) -> None:
    if why_not is not None:
        log.warning("%s", why_not)
