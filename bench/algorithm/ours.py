"""What `fetch` and `store` take: `python -m bench.algorithm.ours VERB BUCKET PREFIX FOLDER COUNT`.

A process as the runner's worker is one: it has moved a tiny object before, so that everything is imported
and S3 is known. It prints the seconds of the call.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from pathlib import Path

from bench.algorithm.jobs import TINY, Job
from longshore_runtime import algorithm_settings
from longshore_runtime.runners.algorithm.s3.client import S3
from longshore_runtime.runners.algorithm.s3.fetch import Limits, Wanted, fetch
from longshore_runtime.runners.algorithm.s3.store import store


def main() -> None:
    job = Job.of(sys.argv[1:])
    settings = algorithm_settings.load({"ALGORITHM_COMMAND": "true"}, Path("/opt/ml"))
    s3 = S3()
    with tempfile.TemporaryDirectory() as folder:
        _move(s3, TINY.fetched(Path(folder)), settings)
        if job.verb == "store":
            _move(s3, TINY.stored(Path(folder), job.bucket), settings)
    began = time.perf_counter()
    _move(s3, job, settings)
    print(time.perf_counter() - began)


def _move(s3: S3, job: Job, settings: algorithm_settings.AlgorithmSettings) -> None:
    """As the runner does it, with the settings that it takes where none are set."""
    stop = threading.Event()
    if job.verb == "store":
        store(s3, job.folder, job.bucket, job.prefix, settings.transfers, stop)
        return
    wanted = [Wanted(job.bucket, job.prefix + name, job.folder / name, name) for name in job.names]
    fetch(s3, wanted, Limits(settings.max_files, None), settings.transfers, stop)


if __name__ == "__main__":
    main()
