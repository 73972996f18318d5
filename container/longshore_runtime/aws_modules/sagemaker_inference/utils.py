"""Small helpers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def parse_accept(accept: str) -> list[str]:
    """Return the media types of an Accept header, in its order."""
    return accept.replace(" ", "").split(",")


def retrieve_content_type_header(request_property: Mapping[str, str]) -> str | None:
    """Return the Content-Type header, however it is spelled."""
    for name, value in request_property.items():
        if name.lower().replace("-", "") == "contenttype":
            return value
    return None


def read_file(path: str, mode: str = "r") -> str | bytes:
    with Path(path).open(mode) as file:
        content: str | bytes = file.read()
    return content


def write_file(path: str, data: str, mode: str = "w") -> None:
    with Path(path).open(mode) as file:
        file.write(data)
