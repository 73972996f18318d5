"""Brings a task's inputs into its input folder: objects are fetched, archives unpacked.

All inputs of a task share its limits, or many small requests would come to more than one large one.
"""

from __future__ import annotations

import threading

from longshore_runtime.algorithm_settings import AlgorithmSettings
from longshore_runtime.runners.algorithm import folders, metrics
from longshore_runtime.runners.algorithm.archives import archive
from longshore_runtime.runners.algorithm.folders import Folders
from longshore_runtime.runners.algorithm.outcome import Reason, TaskError
from longshore_runtime.runners.algorithm.request import Task
from longshore_runtime.runners.algorithm.s3 import fetch
from longshore_runtime.runners.algorithm.s3.client import S3

_MB = 1_000_000


def bring(settings: AlgorithmSettings, s3: S3, task: Task, made: Folders, stop: threading.Event) -> None:
    """Fill made.fill with the task's inputs.

    Raises:
        TaskError: INPUT, DISK, TIMEOUT or STOPPED; the folder may be partly filled then.
    """
    most = settings.max_input_mb * _MB or None
    limits = archive.Limits(settings.max_files, most, settings.max_ratio)
    used = archive.Used()

    def count() -> None:
        used.files += 1
        if used.files > limits.files:
            what = f"The inputs have more than {limits.files:,} files and folders"
            raise TaskError(Reason.INPUT, f"{what}, the limit that ALGORITHM_MAX_FILES sets.")

    wanted, archives = [], []
    for number, each in enumerate(task.inputs):
        target = folders.place(made.fill, each.relative_path, count)
        if each.decompress:
            archives.append((made.root / f"archive-{number}", target.parent, each.relative_path))
            target = archives[-1][0]
        else:
            count()
        wanted.append(fetch.Wanted(each.bucket_name, each.bucket_key, target, each.relative_path))
    fetched = fetch.fetch(
        s3,
        wanted,
        fetch.Limits(limits.files, most),
        settings.transfers,
        stop,
        seconds=settings.transfer_timeout_seconds,
    )
    metrics.fetched_bytes.inc(sum(each.size for each in fetched))
    packed = {file for file, _, _ in archives}
    used.bytes = sum(each.size for each in fetched if each.path not in packed)
    for file, target, name in archives:
        archive.unpack(file, target, name, limits, stop, used=used)
        file.unlink()
