"""The result of a task: the answer to the request, and the file stored last, under its prefix.

Its first fields are those that callers of Grand Challenge's images read; the rest is ours.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import timedelta

import msgspec

from longshore_runtime import contract
from longshore_runtime.runners.algorithm.outcome import Reason
from longshore_runtime.runners.algorithm.request import Task

SIGNATURE_HEADER = "x-amz-meta-signature_hmac_sha256"  # the stored object's metadata, as S3's headers


SHIM_VERSION = f"longshore {contract.VERSION}"  # in a field that callers of the old system require


class Output(msgspec.Struct, frozen=True):
    """One stored object. size in bytes; sha256 in hexadecimal."""

    relative_path: str
    bucket_name: str
    bucket_key: str
    size: int
    sha256: str
    decompress: bool = False


class Reached(msgspec.Struct, frozen=True):
    """The last progress the program told: a fraction from 0 to 1, and a line of text."""

    fraction: float
    text: str


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """How a task ended.

    exec_duration, invoke_duration: how long the program ran, in the mode it ran in; ISO 8601 in JSON.
    durations: seconds by stage: fetch, run, store. request_sha256: the Task's fingerprint.
    """

    pk: str
    return_code: int
    outputs: list[Output]
    user_safe_error_message: str = ""
    user_process_last_stderr_lines: list[str] = []
    exec_duration: timedelta | None = None
    invoke_duration: timedelta | None = None
    sagemaker_shim_version: str = SHIM_VERSION
    reason: Reason
    durations: dict[str, float]
    progress: Reached | None = None
    request_sha256: str
    longshore_version: str = contract.VERSION


def encode(result: Result) -> bytes:
    """The result as JSON. Never fails: a lone surrogate, from a file's name say, becomes a '?'."""
    try:
        return msgspec.json.encode(result)
    except UnicodeEncodeError:
        return json.dumps(msgspec.to_builtins(result), ensure_ascii=False).encode(errors="replace")


def decode(content: bytes) -> Result | None:
    """The result in a stored file; None where it is not one of ours."""
    try:
        return msgspec.json.decode(content, type=Result)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def sign(content: bytes, key: bytes) -> str:
    """HMAC-SHA256 of an encoded result, in hexadecimal."""
    return hmac.new(key, content, hashlib.sha256).hexdigest()


def headers(content: bytes, key: bytes) -> dict[str, str]:
    """What is stored with a result file: type, checksum, and its signature where there is a key."""
    md5 = base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()
    found = {"content-type": "application/json", "content-md5": md5}
    return {**found, SIGNATURE_HEADER: sign(content, key)} if key else found


def valid(content: bytes, signature: str | None, key: bytes | None) -> bool:
    """Whether the signature is the one of this content; without a key everything is valid."""
    if not key:
        return True
    return hmac.compare_digest((signature or "").encode(errors="replace"), sign(content, key).encode())


def answers(content: bytes, signature: str | None, task: Task, key: bytes | None) -> Result | None:
    """The stored result where it answers this very task, which ended well; None where it has to run."""
    result = decode(content) if valid(content, signature, key) else None
    if result is None or result.reason is not Reason.OK or result.return_code != 0:
        return None
    return result if result.request_sha256 == task.fingerprint else None
