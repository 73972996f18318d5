"""What /metrics says, in Prometheus's text format (A19): the workers' numbers summed, and the supervisor's.

The supervisor answers, so that a scrape waits for no worker, and because it alone knows which workers there
are. Each worker counts in files of its own in one folder, which is the same for the whole run, so that
neither a worker's death nor a reload sets a counter back. What processes that have ended have counted is
kept in one file of each kind; their gauges go with them. What nginx has answered is added (tallies.py).

prometheus_client is imported with the first scrape: it would make every start 0.1 s longer.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import signal
import struct
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from longshore_runtime import logs, machine, meter_files
from longshore_runtime.serving import tallies

if TYPE_CHECKING:
    from prometheus_client import Metric

log = logs.get("metrics")

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_FOLDER_NAME = "metrics"
_ENDED_NAME = "metrics_of_the_ended"
_KEPT_KINDS = ("counter", "histogram", "summary")
_PID = re.compile(r"_(\d+)(-longshore)?\.db")
_PAGE = os.sysconf("SC_PAGESIZE")

# Why a worker died: time-out, out of memory, native code that crashed, another signal, an exit code.
CAUSES = ("timeout", "oom", "crash", "signal", "exit")
_CRASHES = (signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGFPE, signal.SIGILL)


def cause(code: int, *, timed_out: bool, out_of_memory: bool) -> str:
    """Which of CAUSES ended a worker with this exit code, negative for a signal's number."""
    if timed_out:
        return "timeout"
    if out_of_memory:
        return "oom"
    if code >= 0:
        return "exit"
    return "crash" if -code in _CRASHES else "signal"


def folder_of(run_dir: Path) -> Path:
    """Where the workers of this run count."""
    return run_dir / _FOLDER_NAME


class MetricsPage:
    """The numbers of one run of serve; page() is for any thread.

    user: who the workers are, None where they are who we are. ready: the pids of those that serve.
    dropped_lines: how many lines of the log have been dropped.
    """

    def __init__(
        self,
        run_dir: Path,
        user: pwd.struct_passwd | None,
        ready: Callable[[], Iterable[int]],
        dropped_lines: Callable[[], int] = int,
    ) -> None:
        self.folder = folder_of(run_dir)
        self._ended = run_dir / _ENDED_NAME  # where no worker can write
        self._ready = ready
        self._dropped_lines = dropped_lines
        self._refused = tallies.Tally(run_dir / tallies.REFUSED)
        self._own = {status: tallies.Tally(run_dir / name) for status, name in tallies.OWN.items()}
        self._deaths = dict.fromkeys(CAUSES, 0)
        self._failed_starts = 0
        self._load_seconds = 0.0
        self._mutex = threading.Lock()  # nothing is counted twice, or not at all, while it moves
        for folder in (self.folder, self._ended):
            folder.mkdir(mode=0o755)
        if user is not None:
            os.chown(self.folder, user.pw_uid, user.pw_gid)

    def loaded(self, seconds: float) -> None:
        """The model has been loaded, in so many seconds."""
        self._load_seconds = seconds

    def died(self, cause: str) -> None:
        """A worker has died of one of CAUSES; another one takes its place."""
        self._deaths[cause] += 1

    def start_failed(self) -> None:
        """A worker could not start, after others had been ready."""
        self._failed_starts += 1

    def fold(self) -> None:
        """Take over what processes that have ended have counted, and remove their files."""
        with self._mutex:
            self._fold()

    def page(self) -> bytes:
        """All metrics in Prometheus's text format."""
        from prometheus_client import CollectorRegistry, generate_latest

        registry = CollectorRegistry()
        registry.register(self)
        return generate_latest(registry)

    def collect(self) -> Iterator[Metric]:
        """All metrics, as prometheus_client's collectors give them."""
        from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily
        from prometheus_client.multiprocess import MultiProcessCollector

        with self._mutex:
            self._fold()
            files = [str(path) for folder in (self.folder, self._ended) for path in folder.glob("*.db")]
            # list: it is read while nothing moves
            counted = list(MultiProcessCollector.merge(files))
        refused = self._refused.count()
        _add(counted, "longshore_refused_total", {"reason": "full"}, refused)
        _add(counted, "longshore_requests_total", {"status": "503"}, refused)
        for status, own in self._own.items():
            _add(counted, "longshore_requests_total", {"status": str(status)}, own.count())
        yield from sorted(counted, key=lambda metric: str(metric.name))
        ready = list(self._ready())
        yield GaugeMetricFamily("longshore_workers_ready", "Workers that take requests.", len(ready))
        deaths = CounterMetricFamily(
            "longshore_worker_restarts", "Workers that died and were replaced, by cause.", labels=["cause"]
        )
        for cause, times in self._deaths.items():
            deaths.add_metric([cause], times)
        yield deaths
        yield CounterMetricFamily(
            "longshore_worker_start_failures",
            "Workers that could not start or load after others had been ready.",
            self._failed_starts,
        )
        yield GaugeMetricFamily(
            "longshore_model_load_seconds", "How long the last load of the model took.", self._load_seconds
        )
        yield GaugeMetricFamily(
            "longshore_workers_resident_memory_bytes",
            "Resident memory of the workers that take requests, summed.",
            sum(map(_resident_bytes, ready)),
        )
        yield CounterMetricFamily(
            "longshore_log_lines_dropped",
            "Lines of the log that were dropped because nobody read them.",
            self._dropped_lines(),
        )

    def _fold(self) -> None:
        ended = [path for path in self.folder.glob("*.db") if _has_ended(path)]
        kept = {kind: [path for path in ended if path.name.startswith(f"{kind}_")] for kind in _KEPT_KINDS}
        for path in set(ended).difference(*kept.values()):
            path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # the disk is full: another time
            for kind, files in kept.items():
                if files:
                    self._keep(kind, files)

    def _keep(self, kind: str, files: list[Path]) -> None:
        kept = self._ended / f"{kind}_all.db"
        total: Counter[str] = Counter()
        for path in [kept, *files] if kept.exists() else files:
            try:
                for key, value in meter_files.read(path):
                    total[key] += value  # type: ignore[assignment]  # they are not all whole
            except (ValueError, struct.error):
                log.warning("%s is damaged: what it counted is lost", path.name)
        meter_files.write(kept, total)
        for path in files:
            path.unlink()


def _add(metrics: Iterable[Metric], name: str, labels: dict[str, str], value: float) -> None:
    """Add a value to the sample of this name, with these labels, which every worker has from its start."""
    for metric in metrics:
        for at, sample in enumerate(metric.samples):
            if sample.name == name and sample.labels == labels:
                metric.samples[at] = sample._replace(value=sample.value + value)


def _has_ended(path: Path) -> bool:
    found = _PID.search(path.name)
    return found is not None and not _is_worker(int(found[1]))


def _is_worker(pid: int) -> bool:
    """Whether it is a child of a gunicorn of ours: any other may have got the pid of a dead worker."""
    parent = machine.parent_of(pid)
    return parent is not None and machine.parent_of(parent) == os.getpid()


def _resident_bytes(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    except (OSError, IndexError):  # it has just ended
        return 0
