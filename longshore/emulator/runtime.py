"""SageMaker's data plane: what is below /endpoints/NAME/, and which function answers it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from longshore.emulator.hosting.invocation import invoke
from longshore.emulator.platform import Platform

# (platform, endpoint's name, WSGI's environ and start_response) -> the body. Raises AwsError.
Answer = Callable[[Platform, str, dict[str, Any], Callable[..., Any]], Iterable[bytes]]

ROUTES: dict[str, Answer] = {"invocations": invoke}
