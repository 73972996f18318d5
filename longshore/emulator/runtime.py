"""SageMaker's data plane: what is below /endpoints/NAME/, and which function answers it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

from longshore.emulator.faults import AwsError
from longshore.emulator.hosting.asynchronous.accept import invoke_async
from longshore.emulator.hosting.invocation import invoke
from longshore.emulator.hosting.streaming import invoke_with_stream
from longshore.emulator.platform import Platform

# (platform, endpoint's name, WSGI's environ and start_response) -> the body. Raises AwsError.
Answer = Callable[[Platform, str, dict[str, Any], Callable[..., Any]], Iterable[bytes]]

ROUTES: dict[str, Answer] = {
    "invocations": invoke,
    "invocations-response-stream": invoke_with_stream,
    "async-invocations": invoke_async,
}


def answer(
    route: str, platform: Platform, name: str, environ: dict[str, Any], start_response: Callable[..., Any]
) -> Iterable[bytes]:
    """Answer one of ROUTES, and note how long that took; of a streamed answer, until it began.

    How long an asynchronous one takes is known at its end, and noted there.
    """
    if ROUTES[route] is invoke_async:
        return invoke_async(platform, name, environ, start_response)
    began = time.perf_counter()
    status = 500
    try:
        body = ROUTES[route](platform, name, environ, start_response)
        status = 200
        return body
    except AwsError as error:
        status = error.status
        raise
    finally:
        if platform.endpoints.live(name) is not None:
            platform.latency.add(name, 1000 * (time.perf_counter() - began), status)
