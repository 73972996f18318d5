"""What the Docker engine answers, read: an image's description, the lines of a container."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from longshore.engines.base import Image, Line

_SHELLS = ("sh", "ash", "bash", "dash", "zsh", "ksh")
# What a push sends from the engine's classic store (overlay2), which does not say so itself.
_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_LINE_MAX = 256 * 1024  # characters; a longer line is cut in pieces: CloudWatch's largest event


def uses_containerds_store(info: dict[str, Any]) -> bool:
    """Whether the engine keeps images in containerd's store, by what it says of itself."""
    status = dict(row[:2] for row in info.get("DriverStatus") or () if len(row) > 1)
    return str(status.get("driver-type", "")).startswith("io.containerd.snapshotter")


def image(name: str, found: dict[str, Any], *, in_containerds_store: bool) -> Image:
    """Return what is known of an image.

    Args:
        found: The engine's description. From version 28 on it has the manifest's media type if the image is
            in containerd's store; older versions push whatever they have there, and do not say what.
    """
    config = found.get("Config") or {}
    pushed = None if in_containerds_store else _MANIFEST
    entrypoint = tuple(config.get("Entrypoint") or ()) or None
    return Image(
        name=name,
        entrypoint=entrypoint,
        command=tuple(config.get("Cmd") or ()) or None,
        entrypoint_is_shell=_is_shell(entrypoint),
        user=config.get("User") or "",
        labels=config.get("Labels") or {},
        environment=dict(text.partition("=")[::2] for text in config.get("Env") or ()),
        architecture=found.get("Architecture"),
        operating_system=found.get("Os"),
        size=found.get("Size"),
        manifest=(found.get("Descriptor") or {}).get("mediaType", pushed),
    )


def lines(raw: Any) -> Iterator[Line]:
    """Of the engine's multiplexed stream: frames of a header (stream, length) and what was written.

    Each frame begins with its time. A frame that does not end in a line's end is a piece of a longer line.
    """
    rest: dict[int, Line] = {}
    while header := raw.read(8):
        stream, size = struct.unpack(">BxxxL", header)
        data = b""
        while len(data) < size and (more := raw.read(size - len(data))):
            data += more
        when, _, written = data.partition(b" ")
        text = written.decode(errors="replace")
        begun = rest.pop(stream, None)
        line = Line(_seconds(when), "stderr" if stream == 2 else "stdout", text)
        if begun is not None:
            line = begun._replace(text=begun.text + text)
        if line.text.endswith("\n") or len(line.text) > _LINE_MAX:
            yield line._replace(text=line.text.removesuffix("\n"))
        else:
            rest[stream] = line
    yield from rest.values()


def _seconds(when: bytes) -> float:
    """2026-01-31T12:00:00.123456789Z, in seconds since the epoch."""
    seconds, _, fraction = when.decode().rstrip("Z").partition(".")
    return datetime.fromisoformat(f"{seconds}+00:00").timestamp() + float(f"0.{fraction or 0}")


def _is_shell(entrypoint: tuple[str, ...] | None) -> bool:
    """/bin/sh -c, as Docker writes the shell form, whichever shell."""
    return (
        entrypoint is not None
        and len(entrypoint) > 1
        and entrypoint[0].rpartition("/")[2] in _SHELLS
        and entrypoint[1].startswith("-")
        and entrypoint[1].endswith("c")
    )
