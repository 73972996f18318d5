"""How SNS calls the HTTP addresses of subscribers, and which ones.

The guard refuses what has SNS's headers: no delivery ever becomes a request to an emulator.
"""

from __future__ import annotations

import json
import logging
import re
from contextlib import ExitStack
from typing import Any

import urllib3
from urllib3.util import Url, parse_url

from longshore.emulator.books.patching import put
from longshore.emulator.faults import AwsError

_log = logging.getLogger("longshore.emulator")

_DELIVERY_SECONDS = 15.0  # SNS's own, for an address that does not answer
_URL = re.compile(r"\w+://[^/?#@\\\s]+([/?#][^\\\s]*)?")
_DEFAULT_PORTS = {"http": 80, "https": 443}


class _Requests:
    """Takes the place of the module `requests` in moto's SNS."""

    @staticmethod
    def post(url: str, *, json: dict[str, Any], headers: dict[str, str]) -> None:
        _deliver(url, json, headers)


def deliver_over_http(undo: ExitStack) -> None:
    """Until it is undone a subscriber's address that is gone, or hangs, holds up none of the others; moto
    waits for ever, follows redirects, and gives up at the first failure. The headers are SNS's. Calls after
    the first one do nothing.
    """
    from moto.sns import models as real

    models: Any = real
    if models.requests is not _Requests:
        put(undo, models, "requests", _Requests)


def check_address(url: str, own_port: int | None = None) -> None:
    """Raise AwsError if SNS may not deliver to a URL.

    Args:
        url: The subscription's Endpoint.
        own_port: The emulator's port. A delivery to it would be a request of the emulator's user, and the
            names of this machine cannot be told from others, so that no host's is allowed.
    """
    try:
        address = parse_url(url)  # what connects reads it so, too
    except ValueError:
        address = Url()
    if not (_URL.fullmatch(url) and url.isprintable() and address.scheme in _DEFAULT_PORTS and address.host):
        raise AwsError(
            "InvalidParameter",
            f"Invalid parameter: Endpoint: {url!r} is no URL that the emulator delivers to: "
            "http://HOST:PORT/PATH, without a user.",
        )
    if own_port == (_DEFAULT_PORTS[address.scheme] if address.port is None else address.port):
        raise AwsError("InvalidParameter", "Invalid parameter: Endpoint: it has the emulator's own port.")


def _deliver(url: str, message: dict[str, Any], headers: dict[str, str]) -> None:
    about = {
        "x-amz-sns-message-type": message["Type"],
        "x-amz-sns-message-id": message["MessageId"],
        "x-amz-sns-topic-arn": message["TopicArn"],
    }
    try:
        check_address(url)
        with urllib3.PoolManager(retries=False, timeout=_DELIVERY_SECONDS) as http:
            status = http.request("POST", url, body=json.dumps(message), headers={**headers, **about}).status
        if status >= 400:
            _log.warning("SNS: %s answered %d", url, status)
    except (AwsError, urllib3.exceptions.HTTPError) as error:
        _log.warning("SNS: %s did not take a message: %s", url, error)
