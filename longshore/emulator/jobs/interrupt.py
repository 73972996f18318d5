"""POST /_longshore/interrupt?job=NAME: what AWS does to spot instances when it likes, here on demand."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs

from longshore.emulator.faults import AwsError
from longshore.emulator.operations import training_jobs
from longshore.emulator.platform import Platform

PATH = "/_longshore/interrupt"


def interrupt(
    platform: Platform, environ: dict[str, Any], start_response: Callable[..., Any]
) -> Iterable[bytes]:
    """200 once the job has been told; AwsError for a job that cannot be interrupted."""
    if environ["REQUEST_METHOD"] != "POST":
        raise AwsError("ValidationException", f"Interrupt a job by POST {PATH}?job=NAME.", 405)
    names = parse_qs(environ.get("QUERY_STRING", "")).get("job", [])
    if len(names) != 1:
        raise AwsError("ValidationException", f"Name one job: POST {PATH}?job=NAME.")
    if platform.records.find("training-job", names[0]) is None:
        raise AwsError("ValidationException", f"There is no training job {names[0]!r}.")
    training_jobs.interrupt(platform, names[0])
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "0")])
    return [b""]
