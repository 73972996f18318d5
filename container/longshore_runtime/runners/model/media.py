"""Media types: the ones this runtime reads and writes, their other names, and what an Accept header asks for.

A header that would take milliseconds to read is refused: RequestError, 431.

Headers repeat from request to request, so what they mean is remembered: for a bounded number of
them, each of bounded length, because callers choose the keys.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, wraps
from types import MappingProxyType
from typing import TypeVar

from werkzeug.http import parse_list_header, parse_options_header

from longshore_runtime.errors import RequestError

JSON = "application/json"
JSON_LINES = "application/jsonlines"
CSV = "text/csv"
NPY = "application/x-npy"
PARQUET = "application/x-parquet"
ARROW_STREAM = "application/vnd.apache.arrow.stream"
ARROW_FILE = "application/vnd.apache.arrow.file"
TEXT = "text/plain"
BYTES = "application/octet-stream"

_ALIASES = {
    "application/x-jsonlines": JSON_LINES,
    "application/jsonl": JSON_LINES,
    "application/x-jsonl": JSON_LINES,
    "application/x-ndjson": JSON_LINES,
    "application/ndjson": JSON_LINES,
    "application/csv": CSV,
    "application/vnd.apache.parquet": PARQUET,
}

# The types that need pyarrow, and whether it is installed; it is imported only when one is used.
ARROW_TYPES = (PARQUET, ARROW_STREAM, ARROW_FILE)
ARROW_INSTALLED = importlib.util.find_spec("pyarrow") is not None
# What can be read and written here, in the order in which it is offered.
SUPPORTED = (JSON, JSON_LINES, CSV, NPY) + (ARROW_TYPES if ARROW_INSTALLED else ())

_REMEMBERED = 256  # headers
LONGEST_REMEMBERED = 1024  # characters, the longest SageMaker passes on (A14)
_LONGEST = 4096
_RANGES_MAX = 100  # of an Accept header; a browser sends some 10

_TOKEN = r"[!#$%&'*+.^_`|~0-9a-z-]+"
_RANGE = re.compile(rf"{_TOKEN}/{_TOKEN}")
# RFC 9110 wants a digit before the point; Java's own HTTP client sends "q=.2".
_QUALITY = re.compile(r"[01](?:\.[0-9]*)?|\.[0-9]+")


_Meaning = TypeVar("_Meaning")


def remember(read: Callable[[str], _Meaning]) -> Callable[[str], _Meaning]:
    """Keep what read made of the headers last seen; see the top of this module."""
    remembered = lru_cache(_REMEMBERED)(read)

    @wraps(read)
    def look_up(header: str) -> _Meaning:
        if len(header) <= LONGEST_REMEMBERED:
            return remembered(header)
        if len(header) > _LONGEST:
            raise RequestError(431, f"The Accept or the Content-Type is longer than {_LONGEST} characters.")
        return read(header)

    return look_up


@dataclass(frozen=True, slots=True)
class MediaType:
    """A media type in lower case ('' where there is none) and its parameters, their names in lower case."""

    type: str
    params: Mapping[str, str]


@remember
def parse(content_type: str) -> MediaType:
    """What a Content-Type header says; whatever is malformed in its parameters is left out."""
    kind, params = parse_options_header(content_type)
    return MediaType(kind.lower(), MappingProxyType(params))


def canonical(media_type: str) -> str:
    """The one name used here for a media type in lower case; a name not known here comes back as it is."""
    return JSON if media_type.endswith("+json") else _ALIASES.get(media_type, media_type)


@remember
def acceptable(accept: str) -> tuple[str, ...]:
    """The media ranges an Accept header allows, in lower case, without parameters, most wanted first.

    Higher q first, then the more specific range, then the order sent. Ranges with q=0 and malformed
    ones (a q that is no number from 0 to 1 among them) are left out. A type that a wildcard range
    here covers may still be refused by a q=0 of its own: rank() sees to that.
    """
    return tuple(name for name, quality in _ranges(accept) if quality > 0)


def rank(accept: str, offered: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the offered canonical types that an Accept header allows, most wanted first.

    As RFC 9110 has it, of several ranges that match a type the most specific one counts, so that
    'text/csv;q=0, */*' refuses CSV. Types that one range allows keep the order they are offered in.
    No header, or an empty one, allows all; one in which nothing can be read allows nothing.
    """
    if not accept.strip():
        return offered
    ranges = _ranges(accept)
    deciding = {kind: _most_specific(ranges, kind) for kind in offered}
    ranked = [kind for wanted in ranges if wanted[1] > 0 for kind in offered if deciding[kind] == wanted]
    return tuple(dict.fromkeys(ranked))


@remember
def _ranges(accept: str) -> tuple[tuple[str, float], ...]:
    """The well-formed ranges of an Accept header with their q, most wanted first."""
    if accept.count(",") >= _RANGES_MAX:
        raise RequestError(431, f"The Accept has more than {_RANGES_MAX} media ranges. Send fewer.")
    ranges = []
    for item in parse_list_header(accept):
        name, params = parse_options_header(item)
        name = "*/*" if name == "*" else name.lower()  # Java's own HTTP client sends a lone "*"
        quality = params.get("q", "1")
        if _RANGE.fullmatch(name) and _QUALITY.fullmatch(quality) and float(quality) <= 1:
            ranges.append((name, float(quality)))
    return tuple(sorted(ranges, key=lambda wanted: (-wanted[1], -_specificity(wanted[0]))))


def matches(media_range: str, kind: str) -> bool:
    """Return whether a range in lower case covers this canonical type."""
    if media_range.endswith("/*"):
        return media_range == "*/*" or kind.startswith(media_range[:-1])
    return canonical(media_range) == kind


def _specificity(media_range: str) -> int:
    return 2 - media_range.count("*")


def _most_specific(ranges: tuple[tuple[str, float], ...], kind: str) -> tuple[str, float] | None:
    matching = (wanted for wanted in ranges if matches(wanted[0], kind))
    return max(matching, key=lambda wanted: _specificity(wanted[0]), default=None)
