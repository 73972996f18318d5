"""Our worker with gunicorn's own threads instead of those in container/longshore_runtime/serving/threads.py.

`--worker-class bench.stock.StockWorker` makes it what gunicorn starts.
"""

from __future__ import annotations

from gunicorn.workers.gthread import ThreadWorker

from longshore_runtime.serving.workers import Ours


class StockWorker(Ours, ThreadWorker):  # type: ignore[misc]  # gunicorn is published without types
    """A socket of its own, as our workers have; all else is gunicorn's."""
