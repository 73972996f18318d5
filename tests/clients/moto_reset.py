"""A plugin of pytest for moto's own tests on the emulator, which refuses moto's API to reset a server."""

from __future__ import annotations

from functools import cache
from typing import Any

import boto3
from botocore.exceptions import ClientError
from moto.core.models import ServerModeMockAWS


@cache
def client(endpoint: str) -> Any:
    """Return a client that no test has patched; making one takes long."""
    return boto3.session.Session().client("s3", endpoint_url=endpoint)


def delete_all_buckets(mock: Any) -> None:
    """Delete all buckets over the wire; buckets with locked objects stay."""
    if ServerModeMockAWS._RESET_IN_PROGRESS:
        return
    ServerModeMockAWS._RESET_IN_PROGRESS = True
    try:
        s3 = client(mock._test_server_mode_endpoint)
        for bucket in s3.list_buckets()["Buckets"]:
            delete(s3, bucket["Name"])
    finally:
        ServerModeMockAWS._RESET_IN_PROGRESS = False


def delete(s3: Any, bucket: str) -> None:
    try:
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
            for item in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
                at = {"Bucket": bucket, "Key": item["Key"], "VersionId": item["VersionId"]}
                s3.delete_object(**at, BypassGovernanceRetention=True)
        s3.delete_bucket(Bucket=bucket)
    except ClientError:
        pass


ServerModeMockAWS.reset = delete_all_buckets
