"""The algorithm runner: S3 inputs, any program, S3 outputs.

A request is a task, its answer the result file.
"""

from __future__ import annotations

from collections.abc import Callable

from longshore_runtime import logs
from longshore_runtime.algorithm_settings import AlgorithmSettings
from longshore_runtime.runners.algorithm import peers, request
from longshore_runtime.runners.algorithm.execution import Algorithm
from longshore_runtime.runners.algorithm.program.process import may_run_on
from longshore_runtime.runners.algorithm.tasks import Tasks
from longshore_runtime.runners.base import Answer, Context

log = logs.get("task")


class AlgorithmRunner:
    """Serves tasks. One process does it, so that it knows all that run."""

    def __init__(self, settings: AlgorithmSettings, report: Callable[[str | None], None]) -> None:
        self._settings = settings
        self._algorithm = Algorithm(settings, report)
        self._tasks = Tasks(
            self._algorithm.perform, self._algorithm.known, settings.concurrency, settings.wait_seconds
        )

    def load(self) -> None:
        if self._settings.workers > 1:
            log.info(
                "MODEL_SERVER_WORKERS is %d: the algorithm runner is one process, and runs %d tasks at once",
                self._settings.workers,
                self._settings.concurrency,
            )
        self._algorithm.start()

    def invoke(self, body: bytes, context: Context) -> Answer:
        containment = self._algorithm.containment
        if containment.tells_programs_apart:
            peers.refuse_programs(context.headers.get(peers.HEADER), containment.may_be_program)
        task = request.parse(body)
        context.hand_over()
        return Answer(self._tasks.result_of(task), "application/json", 1)

    def look(self) -> None:
        """A task has a time limit of its own, and the server's does not end it."""

    def drain(self, seconds: float) -> None:
        self._tasks.drain(seconds, may_run_on(seconds, self._settings.grace_seconds))
        self._algorithm.end()
