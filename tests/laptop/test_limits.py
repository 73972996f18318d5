"""longshore/limits.py against docs/contract.md and what the image's code holds: stated apart, and equal."""

from __future__ import annotations

import re

from longshore import limits
from longshore_runtime import contract
from tests.support.server import CHECKOUT

_LINES = (CHECKOUT / "longshore" / "limits.py").read_text().splitlines()
_ROWS = [row for row in (CHECKOUT / "docs" / "contract.md").read_text().splitlines() if row.startswith("| ")]
# What a rule writes in words, or in another unit.
_IN_OTHER_WORDS = {
    "STARTUP_SECONDS": ["8 min"],
    "ENVIRONMENT_BYTES_MAX": ["32 KB"],
    "ACCEPT_SECONDS": ["250 ms"],
    "STREAM_SECONDS": ["8 min"],
    "ASYNC_NOTICE_BYTES_MAX": ["128 KB"],
    "SERVERLESS_MEMORY_MB": ["1024 to 6144 MB", "steps of 1024"],
    "SERVERLESS_STARTUP_SECONDS": ["3 min"],
    "SERVERLESS_IMAGE_BYTES_MAX": ["10 GB"],
}


def _cited() -> dict[str, str]:
    """By the limit's name, the rule it cites, or that the lines above it cite."""
    found, rule, section = {}, "", ""
    for line in _LINES:
        section = "" if line.startswith("# ") else section
        if cited := re.search(r"# .*?\b([A-G]\d+)", line):
            rule = cited[1]
        if assigned := re.match(r"([A-Z_]+) = ", line):
            found[assigned[1]] = rule
    del found["MB"]
    return found


def _numbers(value: object) -> list[str]:
    if isinstance(value, dict):
        return sorted({str(number) for number in value.values()})
    numbers = value if isinstance(value, tuple) else (value,)
    return [f"{number:g}" for number in numbers]


def test_each_limit_is_in_the_row_of_the_rule_it_cites() -> None:
    for name, rule in _cited().items():
        rows = [row for row in _ROWS if re.search(rf"\b{rule}\b", row)]
        assert rows, f"{name} cites {rule}, which is not there"
        for number in _IN_OTHER_WORDS.get(name) or _numbers(getattr(limits, name)):
            assert any(re.search(rf"(?<!\d){number}(?!\d)", row) for row in rows), (
                f"{name}: {rule} has no {number}"
            )


def test_numbers_in_other_words_are_the_same() -> None:
    assert limits.STARTUP_SECONDS == limits.STREAM_SECONDS == 8 * 60
    assert limits.ENVIRONMENT_BYTES_MAX == 32 * 1024
    assert limits.ASYNC_NOTICE_BYTES_MAX == 128 * 1024
    assert limits.ACCEPT_SECONDS == 250 / 1000
    assert limits.SERVERLESS_MEMORY_MB == (1024, 2048, 3072, 4096, 5120, 6144)
    assert limits.SERVERLESS_STARTUP_SECONDS == 3 * 60
    assert limits.SERVERLESS_IMAGE_BYTES_MAX == 10 * 1024**3


def test_the_images_code_holds_the_same() -> None:
    assert limits.PORT == contract.DEFAULT_PORT
    assert limits.STOP_SECONDS == contract.HOSTING_STOP_SECONDS
    assert limits.TRAINING_STOP_SECONDS == contract.TRAINING_STOP_SECONDS
    assert limits.ERROR_BODY_MAX == contract.ERROR_BODY_MAX
    assert limits.HEADER_MAX[contract.HEADER_INFERENCE_ID] == contract.INFERENCE_ID_MAX
    assert limits.HEADER_MAX[contract.HEADER_CUSTOM_ATTRIBUTES] == contract.CUSTOM_ATTRIBUTES_MAX
    assert limits.PAYLOAD_MB_ASYNC == contract.PAYLOAD_MAX_MB
    assert limits.ASYNC_TIMEOUT_SECONDS_RANGE[1] == contract.TIMEOUT_MAX_SECONDS
    assert limits.TRANSFORM_TOTAL_MB == contract.BATCH_PRODUCT_MAX_MB
    assert limits.TRANSFORM_PAYLOAD_MB == contract.BATCH_PAYLOAD_DEFAULT_MB
    assert limits.FAILURE_MAX == contract.FAILURE_REASON_MAX
