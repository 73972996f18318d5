"""What an archive's entry is, and what it may be called: the same rules for zip and for tar."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from itertools import takewhile

CHUNK = 1024 * 1024  # bytes of one entry held in memory at once

# What macOS and Windows put beside people's files when they pack a folder.
CLUTTER = frozenset({"__MACOSX", ".DS_Store", "desktop.ini"})

_MOST_BYTES = 4096  # of a whole name, and 255 of one component: what Linux takes
_MOST_BYTES_OF_PART = 255
_DEEPEST = 128  # shutil.rmtree, which has to remove all this again, holds a descriptor a level
_CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_WINDOWS_DRIVE = re.compile(r"[A-Za-z]:[\\/]")


class Refused(Exception):
    """The archive cannot be unpacked. The text completes "Input 'x': ", and is safe to show."""


class Kind(Enum):
    FILE = auto()
    FOLDER = auto()
    SYMLINK = auto()
    HARD_LINK = auto()


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: name as the archive has it, for messages; parts, its checked path, empty for the root.

    size is what the headers claim. link is where a link leads, as the archive has it. data gives a file's
    contents in chunks, only until the next entry is asked for; it raises Refused where they are broken.
    """

    name: str
    parts: tuple[str, ...]
    kind: Kind
    size: int
    executable: bool
    link: str
    data: Callable[[], Iterator[bytes]]

    @property
    def is_clutter(self) -> bool:
        return not CLUTTER.isdisjoint(self.parts)


def shown(name: str) -> str:
    """A name for a message: quoted, everything unprintable escaped, and not too long."""
    return repr(name) if len(name) <= 120 else f"{name[:100]!r}... ({len(name):,} characters)"


def parts(name: str) -> tuple[str, ...]:
    """A relative path's components, without '.' and empty ones; Refused for what could lead elsewhere."""
    _check_text(name, name)
    if name.startswith("/") or _WINDOWS_DRIVE.match(name):
        raise Refused(f"the entry {shown(name)} is an absolute path. Pack it with relative paths.")
    found = tuple(part for part in name.split("/") if part not in ("", "."))
    if ".." in found:
        raise Refused(f"the entry {shown(name)} has '..' in its path. Pack it without.")
    if len(found) > _DEEPEST:
        raise Refused(f"the entry {shown(name)} lies more than {_DEEPEST} folders deep.")
    if any(len(part.encode()) > _MOST_BYTES_OF_PART for part in found):
        raise Refused(f"the entry {shown(name)} has a name of more than {_MOST_BYTES_OF_PART} bytes.")
    return found


def symlink_text(entry: Entry) -> str:
    """Where a symlink leads, without '.' and doubled slashes; Refused unless inside what is unpacked.

    '..' is allowed at its beginning alone: there it leaves real folders, which this unpacking made and
    which no later entry can turn into links. Behind a name it might leave a folder that is itself a link.
    """
    _check_text(entry.link, entry.name)
    steps = [step for step in entry.link.split("/") if step not in ("", ".")]
    up = next((i for i, step in enumerate(steps) if step != ".."), len(steps))
    if not entry.link or entry.link.startswith("/") or up >= len(entry.parts) or ".." in steps[up:]:
        raise Refused(
            f"the entry {shown(entry.name)} is a link to {shown(entry.link)}, and links must lead "
            "to a place inside the archive, by a relative path with '..' at its beginning only."
        )
    return "/".join(steps) or "."


def common_folder(folder: tuple[str, ...] | None, entry: Entry) -> tuple[str, ...]:
    """The folder that holds both this entry and all of folder (None: nothing yet)."""
    parent = entry.parts[:-1]
    if folder is None:
        return parent
    pairs = zip(folder, parent, strict=False)
    return tuple(ours for ours, _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _check_text(text: str, name: str) -> None:
    try:
        length = len(text.encode())
    except UnicodeEncodeError:
        raise Refused(f"the entry {shown(name)} has a name that is not UTF-8. Rename it.") from None
    if length > _MOST_BYTES:
        raise Refused(f"the entry {shown(name)} has a path of more than {_MOST_BYTES:,} bytes.")
    if _CONTROL_CHARACTER.search(text):
        raise Refused(f"the entry {shown(name)} has control characters in its name. Rename it.")
