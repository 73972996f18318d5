"""Who asks, where a browser asks: its own page, or somebody else's.

Any web page that is open in a browser can send requests to 127.0.0.1, and may be under a name that means
127.0.0.1. Browsers say with each POST where it comes from; AWS's clients say nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from longshore.emulator.platform import Platform


def own_name(platform: Platform, environ: Mapping[str, Any]) -> bool:
    """Whether the request was sent to the emulator under its own name."""
    return environ.get("HTTP_HOST", "").lower() in _names(platform)


def foreign(platform: Platform, environ: Mapping[str, Any]) -> str | None:
    """The origin of a page that is not the emulator's; None for its own, and for what is no browser."""
    origin: str | None = environ.get("HTTP_ORIGIN")
    if origin is None or origin.lower() in {f"http://{name}" for name in _names(platform)}:
        return None
    return origin


def _names(platform: Platform) -> set[str]:
    hosts = ("127.0.0.1", "localhost")
    return {f"{host}:{platform.port}" for host in hosts} | (set(hosts) if platform.port == 80 else set())
