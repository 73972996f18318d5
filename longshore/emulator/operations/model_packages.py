"""The model registry: model package groups, and model packages with versions and an approval status."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from longshore.emulator.faults import AwsError
from longshore.emulator.kinds import KINDS, KindName
from longshore.emulator.operations.base import Handler, Request, check_tags, described
from longshore.emulator.operations.plain import creating, deleting, describing, find_name, listing, updating
from longshore.emulator.parts import model_containers
from longshore.emulator.platform import Platform
from longshore.emulator.records import Record
from longshore.emulator.validation import only_members

GROUP: KindName = "model-package-group"
PACKAGE: KindName = "model-package"
_LAST_VERSION = "_LastVersion"  # of a group; the numbers of deleted versions are not used again
_POLICY = "_Policy"  # of a group
_NAMES = ("ModelPackageName", "InferenceSpecificationName")  # what a container names its package by
# Members for which SageMaker would run something or look outside.
_NOT_EMULATED = {
    "ValidationSpecification": "run a transform job with the model instead",
    "SourceAlgorithmSpecification": "name images in an InferenceSpecification",
    "ManagedStorageType": "leave the artifacts in your bucket",
}


def _new_group(_platform: Platform, request: Request) -> Record:
    # The status of the group itself: there is nothing to run for it.
    return {"CreatedBy": {}, "ModelPackageGroupStatus": "Completed", **request, _LAST_VERSION: 0}


def _check_group_is_empty(platform: Platform, name: str) -> None:
    if any(record.get("ModelPackageGroupName") == name for record in platform.records.all(PACKAGE)):
        raise AwsError(
            "ConflictException",
            f"Model Package Group {name} cannot be deleted because it still contains Model Packages: "
            "delete them first.",
        )


def _select_groups(platform: Platform, request: Request) -> list[Record]:
    # Those of other accounts, of which there are none.
    return [] if request.get("CrossAccountFilterOption") == "CrossAccount" else platform.records.all(GROUP)


def _put_policy(platform: Platform, request: Request) -> dict[str, Any]:
    name = find_name(platform, GROUP, request["ModelPackageGroupName"])
    platform.records.update(GROUP, name, **{_POLICY: request["ResourcePolicy"]})
    return {"ModelPackageGroupArn": platform.records.arn(GROUP, name)}


def _get_policy(platform: Platform, request: Request) -> dict[str, Any]:
    return {"ResourcePolicy": platform.records.get(GROUP, _name_of_policy(platform, request))[_POLICY]}


def _delete_policy(platform: Platform, request: Request) -> dict[str, Any]:
    platform.records.update(GROUP, _name_of_policy(platform, request), **{_POLICY: None})
    return {}


def _name_of_policy(platform: Platform, request: Request) -> str:
    name = find_name(platform, GROUP, request["ModelPackageGroupName"])
    if _POLICY not in platform.records.get(GROUP, name):
        arn = platform.records.arn(GROUP, name)
        raise AwsError("ValidationException", f"Cannot find resource policy for: {arn}")
    return name


def create(platform: Platform, request: Request) -> dict[str, Any]:
    """Register a model package: the next version of a group, or one with a name of its own."""
    check_tags(request)
    named, group = request.get("ModelPackageName"), request.get("ModelPackageGroupName")
    if named is not None and group is not None:
        raise AwsError(
            "ValidationException",
            "Both ModelPackageName and ModelPackageGroupName are provided in the input. "
            "Cannot determine which one to use.",
        )
    record = {
        "CertifyForMarketplace": False,
        "CreatedBy": {},
        **{key: value for key, value in request.items() if key != "ClientToken"},
        "InferenceSpecification": _specification(platform, request),
        # The status of the registration; a package that needs a validation is refused.
        "ModelPackageStatus": "Completed",
        "ModelPackageStatusDetails": {"ValidationStatuses": [], "ImageScanStatuses": []},
    }
    if group is not None:
        group = find_name(platform, GROUP, group)
        version = _next_version(platform, group)
        named = f"{group}/{version}"
        record |= {"ModelPackageGroupName": group, "ModelPackageVersion": version}
        record.setdefault("ModelApprovalStatus", "PendingManualApproval")
    if named is None:
        raise AwsError(
            "ValidationException", "Missing ARN: name a ModelPackageGroupName or ModelPackageName."
        )
    return {"ModelPackageArn": platform.records.create(PACKAGE, named, record)["ModelPackageArn"]}


def _next_version(platform: Platform, group: str) -> int:
    def count(record: Record) -> None:
        record[_LAST_VERSION] += 1

    changed = platform.records.change(GROUP, group, count)
    return int((changed or platform.records.get(GROUP, group))[_LAST_VERSION])


def _specification(platform: Platform, request: Request) -> dict[str, Any]:
    """Return the request's InferenceSpecification, or that of the model or the package in SourceUri."""
    for member, instead in _NOT_EMULATED.items():
        if member in request:
            raise AwsError("ValidationException", f"The emulator has no {member}: {instead}.")
    given: dict[str, Any] | None = request.get("InferenceSpecification")
    found = platform.records.by_arn(request.get("SourceUri", ""))
    if given is None and found is not None and found[0] in ("model", PACKAGE):
        source = platform.records.get(*found)
        if found[0] == PACKAGE:
            return dict(source["InferenceSpecification"])
        containers = [
            only_members("ModelPackageContainerDefinition", container)
            for container in model_containers(source)
        ]
        return {"Containers": containers, "SupportedContentTypes": [], "SupportedResponseMIMETypes": []}
    if given is None:
        raise AwsError(
            "ValidationException",
            "Name images in an InferenceSpecification, or the ARN of a model or model package in SourceUri: "
            "the emulator knows no other source of a model package.",
        )
    return given


def shown_package(record: Record) -> Record:
    """Return a record without its name if it is a version of a group: those have no names."""
    if not _is_version(record):
        return record
    return {key: value for key, value in record.items() if key != "ModelPackageName"}


def _is_version(record: Record) -> bool:
    return "ModelPackageVersion" in record


def _describe(platform: Platform, request: Request) -> dict[str, Any]:
    name = find_name(platform, PACKAGE, request["ModelPackageName"])
    return described("DescribeModelPackage", shown_package(platform.records.get(PACKAGE, name)))


def _describe_batch(platform: Platform, request: Request) -> dict[str, Any]:
    found, errors = {}, {}
    for arn in request["ModelPackageArnList"]:
        try:
            record = platform.records.get(PACKAGE, find_name(platform, PACKAGE, arn))
        except AwsError as error:
            errors[arn] = {"ErrorCode": error.code, "ErrorResponse": error.message}
        else:
            found[arn] = only_members("BatchDescribeModelPackageSummary", shown_package(record))
    return {"ModelPackageSummaries": found, "BatchDescribeModelPackageErrorMap": errors}


def _select(platform: Platform, request: Request) -> Iterable[Record]:
    group = request.get("ModelPackageGroupName")
    if group is not None:
        group = find_name(platform, GROUP, group)
    kind = request.get("ModelPackageType", "Versioned" if group is not None else "Unversioned")
    for record in platform.records.all(PACKAGE):
        if kind != "Both" and _is_version(record) != (kind == "Versioned"):
            continue
        if group is not None and record.get("ModelPackageGroupName") != group:
            continue
        status = record.get("ModelApprovalStatus")
        if request.get("ModelApprovalStatus", status) == status:
            yield record


def _list(platform: Platform, request: Request) -> dict[str, Any]:
    answer = listing(PACKAGE, "ListModelPackages", _select)["ListModelPackages"](platform, request)
    shown = [shown_package(item) for item in answer["ModelPackageSummaryList"]]
    return {**answer, "ModelPackageSummaryList": shown}


def resolve(platform: Platform, container: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the container definitions of a model's container that names a model package.

    Raises:
        AwsError: If there is no such package, or if it is a version that is not approved.
    """
    if "ModelPackageName" not in container:
        return [container]
    package = platform.records.get(PACKAGE, find_name(platform, PACKAGE, container["ModelPackageName"]))
    status = package.get("ModelApprovalStatus", "Approved")
    if status != "Approved":
        raise AwsError(
            "ValidationException",
            f"Cannot create a model from {KINDS[PACKAGE].noun} {package['ModelPackageArn']}: its "
            f"ModelApprovalStatus is {status}. Set it to Approved with UpdateModelPackage.",
        )
    specification = _named_specification(package, container.get("InferenceSpecificationName"))
    own = {key: value for key, value in container.items() if key not in _NAMES}
    return [
        {
            **only_members("ContainerDefinition", definition),
            **own,
            "Environment": {**definition.get("Environment", {}), **container.get("Environment", {})},
        }
        for definition in specification["Containers"]
    ]


def _named_specification(package: Record, name: str | None) -> dict[str, Any]:
    if name is None:
        return dict(package["InferenceSpecification"])
    for specification in package.get("AdditionalInferenceSpecifications", []):
        if specification["Name"] == name:
            return dict(specification)
    raise AwsError(
        "ValidationException",
        f"ModelPackage {package['ModelPackageArn']} has no additional inference specification {name}.",
    )


HANDLERS: dict[str, Handler] = {
    **creating(GROUP, _new_group),
    **describing(GROUP),
    **deleting(GROUP, _check_group_is_empty),
    **listing(GROUP, "ListModelPackageGroups", _select_groups),
    "PutModelPackageGroupPolicy": _put_policy,
    "GetModelPackageGroupPolicy": _get_policy,
    "DeleteModelPackageGroupPolicy": _delete_policy,
    "CreateModelPackage": create,
    "DescribeModelPackage": _describe,
    "BatchDescribeModelPackage": _describe_batch,
    **updating(PACKAGE, "Arn"),
    **deleting(PACKAGE),
    "ListModelPackages": _list,
}
