"""How a variable's text becomes its value; each function raises ValueError for what it does not allow."""

from __future__ import annotations

import ipaddress
import logging
import re
from collections.abc import Callable, Container
from pathlib import Path

from longshore_runtime import machine

_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


def whole_number(least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
            raise ValueError
        return int(text)

    return read


def workers(text: str) -> int:
    return machine.cpus() if text == "auto" else whole_number(1, 256)(text)


def one_of(*choices: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in choices:
            raise ValueError
        return text

    return read


def log_level(text: str) -> int:
    if text.upper() in _LEVELS:
        return logging.getLevelNamesMapping()[text.upper()]
    if text in ("10", "20", "30", "40", "50"):
        return int(text)
    raise ValueError


def batch_strategy(text: str) -> str:
    """The container's and the environment's spelling, and the API's own: MultiRecord (C1)."""
    strategy = {"MULTIRECORD": "MULTI_RECORD", "SINGLERECORD": "SINGLE_RECORD"}.get(
        text.upper().replace("_", "")
    )
    if strategy is None:
        raise ValueError
    return strategy


def not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError
    return text


def media_type(text: str) -> str:
    kind, slash, subtype = text.strip().partition("/")
    if not (kind and slash and subtype) or "*" in text or "," in text:
        raise ValueError
    return text.strip()


def cloudwatch_namespace(text: str) -> str:
    if not re.fullmatch(r"(?!AWS/|:)[A-Za-z0-9 ._/#:-]{1,255}", text) or not text.strip():
        raise ValueError
    return text


def absolute_path(text: str) -> Path:
    path = Path(text.removeprefix("file://"))  # as the SageMaker SDK writes it
    if not path.is_absolute():
        raise ValueError
    return path


def ipv4_address(text: str) -> str:
    return str(ipaddress.IPv4Address(text))


def any_path(text: str) -> Path:
    return Path(not_blank(text)).absolute()


def word_or_file(word: str, suffixes: Container[str]) -> Callable[[str], str | Path]:
    """The word as it is, or the path of a file whose name ends in one of these suffixes."""

    def read(text: str) -> str | Path:
        if text == word:
            return text
        path = any_path(text)
        if path.suffix not in suffixes:
            raise ValueError
        return path

    return read


def boolean(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError
    return text.lower() == "true"


def names(text: str) -> frozenset[str]:
    """Names of environment variables, with commas between them."""
    found = frozenset(part.strip() for part in text.split(",") if part.strip())
    if any("=" in name or " " in name for name in found):
        raise ValueError
    return found


def absolute_paths(text: str) -> tuple[Path, ...]:
    return tuple(absolute_path(part) for part in text.split(":") if part)


def s3_uri(text: str) -> tuple[str, str]:
    """Bucket and key of s3://bucket/key; the bucket may be an access point's ARN, which holds one slash."""
    rest = text.removeprefix("s3://")
    bucket, slash, key = rest.partition("/")
    if bucket.startswith("arn:"):
        name, slash, key = key.partition("/")
        bucket = f"{bucket}/{name}"
    if rest == text or not (bucket and slash and key):
        raise ValueError
    return bucket, key


def url(text: str) -> str:
    if not text.startswith(("http://", "https://")) or len(text.split("://", 1)[1]) == 0:
        raise ValueError
    return text
