"""Policies of buckets: S3 checks them when they are put, moto fails at each later request for the bucket."""

from __future__ import annotations

import json
import re
from contextlib import ExitStack
from typing import Any

from longshore.emulator.books.patching import put
from longshore.emulator.faults import AwsError


def check_policies(undo: ExitStack) -> None:
    """Make PutBucketPolicy raise MalformedPolicy for invalid bucket policies, until it is undone."""
    from moto.iam.access_control import IAMPolicyStatement
    from moto.s3.models import S3Backend

    known = S3Backend.put_bucket_policy

    def put_bucket_policy(backend: Any, bucket: str, policy: bytes) -> None:
        check_policy(policy)
        known(backend, bucket, policy)

    def match(pattern: str, text: str) -> re.Match[str] | None:
        # moto takes all but '*' for a regular expression.
        wanted = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
        return re.fullmatch(wanted, text, re.DOTALL)

    put(undo, S3Backend, "put_bucket_policy", put_bucket_policy)
    put(undo, IAMPolicyStatement, "_match", staticmethod(match))


def check_policy(document: bytes) -> None:
    """Raise AwsError if a document is not a valid bucket policy, with S3's documented messages."""
    try:
        policy = json.loads(document)
    except (ValueError, RecursionError):
        policy = None
    if not isinstance(policy, dict):
        raise _malformed("Policies must be valid JSON and the first byte must be '{'")
    if "Statement" not in policy:
        raise _malformed("Missing required field Statement")
    statements = policy["Statement"]
    if isinstance(statements, dict):
        statements = [statements]
    if not isinstance(statements, list) or not statements:
        raise _malformed("Statement must be a statement, or a list of them")
    for statement in statements:
        if not isinstance(statement, dict):
            raise _malformed("Statement has something that is no JSON object")
        _check_statement(statement)


def _check_statement(statement: dict[str, Any]) -> None:
    if "Effect" not in statement:
        raise _malformed("Missing required field Effect")
    if statement["Effect"] not in ("Allow", "Deny"):
        raise _malformed(f"Invalid effect : {statement['Effect']}")
    for name in ("Principal", "Action", "Resource"):
        given = [statement[each] for each in (name, f"Not{name}") if each in statement]
        if not given:
            raise _malformed(f"Missing required field {name}")
        if len(given) > 1:
            raise _malformed(f"Statement has both {name} and Not{name}")
        if name == "Principal":
            _check_principal(given[0])
        elif not _is_text(given[0]):
            raise _malformed(f"Policy has invalid {name.lower()}")
    conditions = statement.get("Condition", {})
    if not isinstance(conditions, dict) or not all(isinstance(each, dict) for each in conditions.values()):
        raise _malformed("Conditions must be a JSON object of operators, each with its keys")


def _check_principal(principal: Any) -> None:
    if principal == "*":
        return
    if not isinstance(principal, dict) or not principal or not all(map(_is_text, principal.values())):
        raise _malformed("Invalid principal in policy")


def _is_text(value: Any) -> bool:
    texts = value if isinstance(value, list) else [value]
    return bool(texts) and all(isinstance(text, str) and text for text in texts)


def _malformed(message: str) -> AwsError:
    return AwsError("MalformedPolicy", message)
