"""AWS's own managed policies: there from the start, and not in what --state writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.support.emulator import EmulatorProcess

_FULL = "arn:aws:iam::aws:policy/AmazonSageMakerFullAccess"
_READ = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"
_NOBODYS = "arn:aws:iam::aws:policy/AmazonEC2FullAccess"


def document(effect: str) -> str:
    """A policy's, that is well-formed."""
    statement = {"Effect": effect, "Action": "s3:*", "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def attach(iam: Any) -> None:
    """To a role, a user and a group; one of them goes again."""
    iam.create_user(UserName="user")
    iam.create_group(GroupName="group")
    for policy in (_FULL, _READ):
        iam.attach_role_policy(RoleName="longshore", PolicyArn=policy)
    iam.attach_user_policy(UserName="user", PolicyArn=_FULL)
    iam.attach_group_policy(GroupName="group", PolicyArn=_FULL)
    iam.attach_user_policy(UserName="user", PolicyArn=_NOBODYS)
    iam.detach_user_policy(UserName="user", PolicyArn=_NOBODYS)


def policies(iam: Any) -> dict[str, tuple[str, int]]:
    """Of all there are the id and the number of attachments; no ARN is there twice."""
    pages = iam.get_paginator("list_policies").paginate()
    found = [policy for page in pages for policy in page["Policies"]]
    told = {policy["Arn"]: (policy["PolicyId"], policy["AttachmentCount"]) for policy in found}
    assert len(told) == len(found)
    return told


def attached(answer: dict[str, Any]) -> set[str]:
    return {policy["PolicyArn"] for policy in answer["AttachedPolicies"]}


def test_they_survive_with_their_attachments_and_are_not_written(tmp_path: Path) -> None:
    state = tmp_path / "state"
    first = EmulatorProcess(tmp_path, "--state", str(state))
    iam = first.client("iam")
    attach(iam)
    own = iam.create_policy(PolicyName="own", PolicyDocument=document("Allow"))["Policy"]["Arn"]
    iam.attach_role_policy(RoleName="longshore", PolicyArn=own)
    before = policies(iam)
    assert len(before) > 1000 and [before[arn][1] for arn in (_FULL, _READ, _NOBODYS, own)] == [3, 1, 0, 1]
    first.close()
    written = (state / "state").read_bytes()
    assert _FULL.encode() in written and _NOBODYS.encode() not in written
    assert len(written) < 100_000

    second = EmulatorProcess(tmp_path, "--state", str(state))
    iam = second.client("iam")
    assert policies(iam) == before
    assert attached(iam.list_attached_role_policies(RoleName="longshore")) == {_FULL, _READ, own}
    assert attached(iam.list_attached_user_policies(UserName="user")) == {_FULL}
    assert attached(iam.list_attached_group_policies(GroupName="group")) == {_FULL}
    (role,) = iam.list_entities_for_policy(PolicyArn=_FULL)["PolicyRoles"]
    assert role["RoleName"] == "longshore"
    iam.detach_role_policy(RoleName="longshore", PolicyArn=_FULL)
    iam.attach_user_policy(UserName="user", PolicyArn=_NOBODYS)
    second.close()

    third = EmulatorProcess(tmp_path, "--state", str(state))
    after = policies(third.client("iam"))
    assert [after[arn][1] for arn in (_FULL, _READ, _NOBODYS, own)] == [2, 1, 1, 1]
    third.close()


def test_what_moto_lets_be_changed_of_them_survives_too(tmp_path: Path) -> None:
    state = tmp_path / "state"
    first = EmulatorProcess(tmp_path, "--state", str(state))
    iam = first.client("iam")
    iam.tag_policy(PolicyArn=_READ, Tags=[{"Key": "of", "Value": "ours"}])
    iam.create_policy_version(PolicyArn=_FULL, PolicyDocument=document("Deny"), SetAsDefault=True)
    default = iam.get_policy(PolicyArn=_FULL)["Policy"]["DefaultVersionId"]
    first.close()
    second = EmulatorProcess(tmp_path, "--state", str(state))
    iam = second.client("iam")
    assert iam.list_policy_tags(PolicyArn=_READ)["Tags"] == [{"Key": "of", "Value": "ours"}]
    assert iam.get_policy(PolicyArn=_FULL)["Policy"]["DefaultVersionId"] == default
    second.close()
