"""The open-loop client as a process of its own, beside the server it asks."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from types import TracebackType

from bench import BenchError
from bench.clients import as_client
from bench.pressure.results import Flow
from bench.servers import HERE, Server
from tests.support.open_loop import Outcome

PATIENCE_SECONDS = 10.0
RIGHT, REFUSED = "200", "503"


class Client:
    """Sends at this rate for so many seconds, from now on. As a context manager: ended at the end."""

    def __init__(
        self, server: Server, rate: float, seconds: float, *, ping: bool = False, keep: bool = True
    ) -> None:
        self._rate, self._seconds = rate, seconds
        command = [sys.executable, "-m", "tests.support.open_loop", str(server.port), str(rate), str(seconds)]
        command += ["--patience", str(PATIENCE_SECONDS)]
        command += ["--ping"] if ping else []
        command += [] if keep else ["--fresh"]
        self._process = subprocess.Popen(
            as_client(command), cwd=HERE.parent, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()

    def outcomes(self) -> list[Outcome]:
        """What became of each request, once all are settled. To be called once."""
        said, _ = self._process.communicate(timeout=self._seconds + PATIENCE_SECONDS + 30)
        if self._process.returncode != 0:
            raise BenchError(f"the open-loop client ended with {self._process.returncode}")
        report = json.loads(said)
        self._cpu_seconds: float = report["cpu_seconds"]
        return [Outcome(*outcome) for outcome in report["outcomes"]]

    def flow(self) -> Flow:
        """The figures of all outcomes. Instead of outcomes()."""
        outcomes = self.outcomes()
        right = [outcome for outcome in outcomes if outcome.kind == RIGHT]
        end = min(outcome.due for outcome in outcomes) + self._seconds
        in_time = sum(outcome.due + outcome.seconds < end for outcome in right)
        return Flow(
            rate=self._rate,
            seconds=self._seconds,
            kinds=kinds(outcomes),
            per_second=in_time / self._seconds,
            p50_ms=_quantile_ms([outcome.seconds for outcome in right], 0.5),
            p99_ms=_quantile_ms([outcome.seconds for outcome in right], 0.99),
            refused_p99_ms=_quantile_ms([o.seconds for o in outcomes if o.kind == REFUSED], 0.99),
            late_p99_ms=_quantile_ms([outcome.late for outcome in outcomes], 0.99),
            client_us=self._cpu_seconds / len(outcomes) * 1e6,
        )


def kinds(outcomes: Sequence[Outcome]) -> dict[str, int]:
    """How many of each kind, the most frequent first."""
    return dict(Counter(outcome.kind for outcome in outcomes).most_common())


def _quantile_ms(seconds: list[float], share: float) -> float:
    """0 where there is nothing."""
    return sorted(seconds)[min(len(seconds) - 1, int(share * len(seconds)))] * 1e3 if seconds else 0.0
