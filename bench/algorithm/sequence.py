"""boto3, one object after the other.

`python -m bench.algorithm.sequence HOW VERB BUCKET PREFIX FOLDER COUNT`. HOW is `managed`, its
download_file and upload_file, which move a large object in parts at once; or `plain`, one get_object or
put_object an object. It prints the seconds of the transfer, after a tiny one.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import boto3

from bench.algorithm.jobs import TINY, Job

_PIECE = 1024 * 1024


def main() -> None:
    how, *rest = sys.argv[1:]
    job = Job.of(rest)
    move = {"managed": _managed, "plain": _plain}[how]
    s3 = boto3.client("s3")
    with tempfile.TemporaryDirectory() as folder:
        move(s3, TINY.fetched(Path(folder)))
        if job.verb == "store":
            move(s3, TINY.stored(Path(folder), job.bucket))
    began = time.perf_counter()
    move(s3, job)
    print(time.perf_counter() - began)


def _managed(s3: Any, job: Job) -> None:
    for name in job.names:
        if job.verb == "store":
            s3.upload_file(str(job.folder / name), job.bucket, job.prefix + name)
        else:
            s3.download_file(job.bucket, job.prefix + name, str(job.folder / name))


def _plain(s3: Any, job: Job) -> None:
    for name in job.names:
        path = job.folder / name
        if job.verb == "store":
            with path.open("rb") as source:
                s3.put_object(Bucket=job.bucket, Key=job.prefix + name, Body=source)
        else:
            body = s3.get_object(Bucket=job.bucket, Key=job.prefix + name)["Body"]
            with path.open("wb") as target:
                for piece in body.iter_chunks(_PIECE):
                    target.write(piece)


if __name__ == "__main__":
    main()
