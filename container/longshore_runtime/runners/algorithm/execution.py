"""One task from its request to its result file.

    fetch    the inputs, into the task's own folder; archives are unpacked there
    run      the program, in a session of its own, or a call of the program that serves
    store    the output folder, below the prefix
    leave    the result file, last and always, whatever became of the three before it

A task that cannot go on raises TaskError, and its sentence is the one the user reads.
"""

from __future__ import annotations

import contextvars
import errno
import logging
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from longshore_runtime import logs
from longshore_runtime.algorithm_settings import AlgorithmSettings
from longshore_runtime.errors import RequestError, StartError
from longshore_runtime.runners.algorithm import folders, inputs, metrics, result, setup
from longshore_runtime.runners.algorithm.folders import Folders
from longshore_runtime.runners.algorithm.outcome import Reason, TaskError
from longshore_runtime.runners.algorithm.program import modes
from longshore_runtime.runners.algorithm.program.containment import Containment
from longshore_runtime.runners.algorithm.program.progress import Progress, Watch
from longshore_runtime.runners.algorithm.program.users import Identity
from longshore_runtime.runners.algorithm.request import Task
from longshore_runtime.runners.algorithm.result import Result
from longshore_runtime.runners.algorithm.s3 import store
from longshore_runtime.runners.algorithm.s3.client import S3, S3Error
from longshore_runtime.runners.algorithm.s3.object import get, put

log = logs.get("task")

_MAX_RESULT = 16 * 1024 * 1024  # bytes of a result file, and so many for each output: a path twice
_MAX_RESULT_PER_OUTPUT = 1024


@dataclass
class _Record:
    """What is known of a task so far; what a step adds stays, should the next one fail."""

    code: int = 1
    reason: Reason = Reason.INTERNAL
    message: str = ""
    last_stderr: list[str] = field(default_factory=list)
    outputs: list[store.Stored] = field(default_factory=list)
    durations: dict[str, float] = field(default_factory=dict)
    progress: tuple[float, str] | None = None

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        began = time.monotonic()
        try:
            yield
        finally:
            seconds = time.monotonic() - began
            self.durations[name] = round(seconds, 6)
            metrics.stage_seconds.labels(name).observe(seconds)


class Algorithm:
    """The program, and all that its tasks share. perform() may be called from several threads at once."""

    def __init__(self, settings: AlgorithmSettings, report: Callable[[str | None], None]) -> None:
        """Raises StartError where the settings name a user, a command or a folder that cannot be."""
        self._settings = settings
        self.containment = Containment(settings)
        self._work_dir = settings.work_dir or Path(tempfile.gettempdir())
        try:
            self._work_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            what = f"{self._work_dir} cannot be made: {error.strerror}."
            raise StartError("ALGORITHM_WORK_DIR", what, "Name another folder.") from None
        self._mode = modes.choose(settings, self.containment, report)
        self.s3 = S3(settings.s3_endpoint_url)

    def start(self) -> None:
        """Make ready for tasks; how that went is stored, where asked for. Raises StartError."""
        os.umask(0o022)  # the program, which may be another user, reads what we make for it
        failure: str | None = "The server failed to start; its log says how."
        try:
            setup.prepare(self._settings, self.s3, self.containment.owner())
            self.containment.start()
            setup.refuse_unusable_folders(self._settings, self._work_dir, self._mode.identity())
            self._mode.start()
            failure = None
        except StartError as error:
            failure = f"{error.what} {error.remedy}"
            raise
        except TaskError as error:
            failure = error.message
            raise StartError(
                "ALGORITHM_API_METHOD=invoke", error.message, "The log has what it wrote."
            ) from None
        finally:
            setup.leave_result(self._settings, self.s3, failure)

    def end(self) -> None:
        """Leave nothing behind: no program, and nothing in the folders that were filled."""
        self._mode.end()
        setup.clean_up(self._settings)

    def perform(self, task: Task, place: int, stop: threading.Event) -> bytes:
        """Do the task; returns its result file, which has been stored by then.

        place: its number among those that run at once. Where the task ended well before, that is its
        result, and nothing runs. RequestError 502 where the result file cannot be stored.
        """
        with logs.of_task(task.pk):
            return self._answer(task, place, stop)

    def known(self, task: Task, stop: threading.Event | None = None) -> bytes | None:
        """The result file that answers this task without running it; None where there is none.

        RequestError 400 where its bucket does not exist.
        """
        with logs.of_task(task.pk):
            try:
                known = None if task.rerun else self._known_result(task, stop)
            except (S3Error, TaskError) as error:  # most likely the new one could not be stored either
                log.warning("whether the task has a result already is not known: %s", error)
                return None
            if known is not None:
                log.info("the task ended well before: answered from its result file")
                metrics.answered.inc()
            return known

    def _answer(self, task: Task, place: int, stop: threading.Event) -> bytes:
        if (known := self.known(task, stop)) is not None:
            return known
        log.info("the task begins: %d inputs", len(task.inputs))
        record = _Record()
        with metrics.running.track_inprogress():
            self._perform(task, place, stop, record)
        metrics.tasks.labels(record.reason).inc()
        level = logging.INFO if record.reason is Reason.OK else logging.ERROR
        log.log(
            level,
            "the task has ended (%s, code %d): %s",
            record.reason,
            record.code,
            record.message or f"{len(record.outputs)} outputs",
        )
        content = result.encode(self._result(task, record))
        self._leave(task, content)
        return content

    def _perform(self, task: Task, place: int, stop: threading.Event, record: _Record) -> None:
        try:
            identity = self._mode.identity()
            with self._folders(identity) as made:
                with record.stage("fetch"):
                    inputs.bring(self._settings, self.s3, task, made, stop)
                with record.stage("run"):
                    self._run(task, place, made, identity, stop, record)
                with record.stage("store"):
                    record.outputs = self._store(task, made, stop)
            record.code, record.reason = 0, Reason.OK
        except TaskError as error:
            record.reason, record.message = error.reason, error.message
        except OSError as error:
            log.exception("the task failed")
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                record.reason, record.message = Reason.DISK, "The disk of the server is full."
            else:
                record.message = "The server failed on this task; its log says how."
        except Exception:  # whatever it is, the result file is written
            log.exception("the task failed")
            record.message = "The server failed on this task; its log says how."

    def _folders(self, identity: Identity) -> AbstractContextManager[Folders]:
        settings = self._settings
        linked = settings.linked_input_parent if settings.use_linked_input else None
        return folders.fixed(self._work_dir, settings.input_path, settings.output_path, linked, identity)

    def _run(
        self,
        task: Task,
        place: int,
        made: Folders,
        identity: Identity,
        stop: threading.Event,
        record: _Record,
    ) -> None:
        seconds = task.seconds(self._settings.timeout_seconds)
        progress = Progress(self._mode.progress_file(made))
        gauge = metrics.progress.labels(place)
        gauge.set(0)  # the place's last task may have come further

        def tell(fraction: float, text: str) -> None:
            record.progress = (fraction, text)
            log.info("progress: %.0f %% %s", fraction * 100, text)
            gauge.set(fraction)

        context = contextvars.copy_context()  # so that these lines, too, tell whose they are
        with Watch(progress, lambda *now: context.run(tell, *now)):
            ran = self._mode.run(task, made, identity, seconds, stop)
        record.last_stderr = ran.last_stderr
        record.code = ran.code or 1  # until the outputs are stored, too
        if ran.timed_out:
            record.code = 1
        ran.refuse_failure(seconds, identity)

    def _store(self, task: Task, made: Folders, stop: threading.Event) -> list[store.Stored]:
        name = task.result_key.removeprefix(task.prefix)
        if os.path.lexists(made.output / name):  # who reads it would take it for ours
            raise TaskError(Reason.OUTPUT, f"Output {name!r} cannot be stored: the result file has its name.")
        stored = store.store(
            self.s3,
            made.output,
            task.output_bucket_name,
            task.prefix,
            self._settings.transfers,
            stop,
            most_files=self._settings.max_output_files,
            seconds=self._settings.transfer_timeout_seconds,
        )
        metrics.stored_bytes.inc(sum(each.size for each in stored))
        return stored

    def _result(self, task: Task, record: _Record) -> Result:
        run = record.durations.get("run")
        ran = None if run is None else timedelta(seconds=run)  # with what starting and ending it took
        served = self._settings.api_method == "invoke"
        return Result(
            pk=task.pk,
            return_code=record.code,
            outputs=[
                result.Output(
                    each.relative_path, task.output_bucket_name, each.bucket_key, each.size, each.sha256
                )
                for each in record.outputs
            ],
            user_safe_error_message=record.message,
            user_process_last_stderr_lines=record.last_stderr,
            exec_duration=None if served else ran,
            invoke_duration=ran if served else None,
            reason=record.reason,
            durations=record.durations,
            progress=None if record.progress is None else result.Reached(*record.progress),
            request_sha256=task.fingerprint,
        )

    def _known_result(self, task: Task, stop: threading.Event | None) -> bytes | None:
        """The result file that answers this task without running it, None where there is none.

        Raises S3Error, TaskError(STOPPED), and RequestError (400) where there is no such bucket.
        """
        try:
            what = "looking for the task's result file"
            most = _MAX_RESULT + self._settings.max_output_files * _MAX_RESULT_PER_OUTPUT
            answer = get(self.s3, task.output_bucket_name, task.result_key, most, what, stop)
        except S3Error as error:
            if error.code == "NoSuchBucket":  # better told now than when the program has run for hours
                what = f"output_bucket_name: there is no bucket {task.output_bucket_name!r}."
                raise RequestError(400, f"{what} Create it, or name another.") from None
            # Where listing the bucket is not allowed either, S3 says 403 of what is not there.
            if error.status in (403, 404):
                return None
            raise
        signature = answer.headers.get(result.SIGNATURE_HEADER)
        known = result.answers(answer.body, signature, task, self._settings.signing_key_hex)
        return None if known is None else answer.body

    def _leave(self, task: Task, content: bytes) -> None:
        headers = result.headers(content, self._settings.signing_key_hex)
        bucket, key = task.output_bucket_name, task.result_key
        try:
            put(self.s3, bucket, key, content, headers, "storing the result file")
        except S3Error as error:
            log.error("the result file could not be stored: %s", error)
            raise RequestError(
                502, f"The task has ended, but its result file could not be stored: {error}"
            ) from None
