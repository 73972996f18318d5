"""A request's way through an instance: into its container, or through those of a pipeline in turn (B5)."""

from __future__ import annotations

import time

import urllib3

from longshore.emulator.hosting.errors import broken, model_error, timed_out
from longshore.emulator.hosting.hosted import HostedContainer
from longshore.emulator.hosting.instance import Instance
from longshore.emulator.hosting.kept import Answer
from longshore.emulator.parts import passed_on
from longshore.emulator.platform import Platform
from longshore.limits import INVOCATION_SECONDS


class Unreached(Exception):
    """Nothing of the request has reached a container: another instance may have it."""


def pass_through(
    platform: Platform,
    endpoint: str,
    instance: Instance,
    way: list[HostedContainer],
    headers: dict[str, str],
    body: bytes,
) -> Answer:
    """The last container's answer, a 2xx; Unreached, or AwsError for what goes wrong (A11, A16).

    way: of the instance's containers those that it is to go through.
    """
    deadline = time.monotonic() + INVOCATION_SECONDS
    begun = False
    for container in way:
        try:
            answer = container.send(headers, body, deadline)
        except urllib3.exceptions.NewConnectionError as error:
            instance.suspect()
            if not begun:
                raise Unreached from None
            raise broken(platform, endpoint, error, container.name) from None
        except urllib3.exceptions.TimeoutError as error:
            if isinstance(error, urllib3.exceptions.ConnectTimeoutError) and not begun:
                raise Unreached from None
            raise timed_out(platform, endpoint, container.name) from None
        except urllib3.exceptions.HTTPError as error:
            instance.suspect()
            raise broken(platform, endpoint, error, container.name) from None
        if not 200 <= answer.status < 300:
            raise model_error(platform, endpoint, answer.status, answer.data, container.name)
        begun = True
        body = answer.data
        headers = passed_on(headers, answer.headers.get("Content-Type"))
    return answer
