"""Which of moto's error responses clients can use as they are, and what is sent in place of the others.

moto answers some requests with an HTML page, an empty body, status 500, or the protocol of another service.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple
from xml.etree import ElementTree as ET

from longshore.emulator.aws_protocols import Protocol, protocol
from longshore.emulator.books.xml_documents import local_name
from longshore.emulator.faults import AwsError, not_implemented

_ROOTS: dict[Protocol, tuple[str, ...]] = {
    "query": ("ErrorResponse",),
    "ec2": ("Response",),
    "s3": ("Error",),
    "rest-xml": ("ErrorResponse",),
}


class _Error(NamedTuple):
    form: str  # the name of the XML document's root, or 'json'
    code: str
    message: str


def usable_error(
    environ: Mapping[str, Any], operation: str, status: int, headers: list[tuple[str, str]], data: bytes
) -> AwsError | None:
    """Return the error to send in place of a response of moto's; None if clients can use that one."""
    asked = protocol(environ)
    if environ["REQUEST_METHOD"] == "HEAD" and status < 500:
        return None
    if asked == "s3" and not data and status == 403:
        return AwsError("AccessDenied", "Access Denied", 403)
    found = _from_xml(data) or _from_json(data, headers)
    if status >= 500 or found is None or not found.code:
        detail = f": {found.message}" if found else ""
        return not_implemented(f"The emulator cannot answer {operation}: moto's status is {status}{detail}")
    if found.form in _ROOTS.get(asked, ("json",)):
        return None
    return AwsError(found.code, found.message, status)


def _from_xml(data: bytes) -> _Error | None:
    try:
        root = ET.fromstring(data)
    except ET.ParseError:
        return None
    texts: dict[str, str] = {}
    for element in root.iter():
        texts.setdefault(local_name(element), element.text or "")
    return _Error(local_name(root), texts.get("Code", ""), texts.get("Message", ""))


def _from_json(data: bytes, headers: list[tuple[str, str]]) -> _Error | None:
    try:
        body = json.loads(data)
    except ValueError:
        return None
    if not isinstance(body, dict):
        return None
    named = {name.lower(): value for name, value in headers}
    code = str(body.get("__type") or named.get("x-amzn-errortype", "")).rpartition("#")[2]
    return _Error("json", code, str(body.get("message") or body.get("Message") or ""))
