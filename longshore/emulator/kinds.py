"""The kinds of records: how AWS names each, and what it answers for names that are missing or taken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from longshore.emulator.faults import AwsError

KindName = Literal[
    "model",
    "endpoint-config",
    "endpoint",
    "async-invocation",
    "training-job",
    "transform-job",
    "processing-job",
    "experiment",
    "experiment-trial",
    "experiment-trial-component",
    "model-package-group",
    "model-package",
    "model-card",
    "pipeline",
    "code-repository",
    "notebook-instance-lifecycle-config",
    "studio-lifecycle-config",
]

Wording = tuple[str, str]  # an error's code, and its message with {noun}, {Noun}, {name} and {arn}

_NOT_FOUND: Wording = ("ValidationException", 'Could not find {noun} "{arn}".')
_NO_SUCH_JOB: Wording = ("ValidationException", "Could not find requested job with name: {name}")
_RESOURCE_NOT_FOUND: Wording = ("ResourceNotFound", "{noun} '{name}' does not exist.")
_TAKEN: Wording = ("ValidationException", 'Cannot create already existing {noun} "{arn}".')
_JOB_TAKEN: Wording = (
    "ResourceInUse",
    "{Noun} names must be unique within an AWS account and region, "
    "and a {noun} with this name already exists ({arn})",
)
# The SDKs look for "already exists" (2.x) and "must be unique within an AWS account" (3.x).
_NAME_TAKEN: Wording = (
    "ValidationException",
    "{noun} names must be unique within an AWS account and region. {noun} with name ({name}) already exists.",
)
_PACKAGE_NOT_FOUND: Wording = ("ValidationException", "{noun} {arn} does not exist.")
_PACKAGE_TAKEN: Wording = ("ValidationException", "{noun} already exists: {arn}")


@dataclass(frozen=True)
class Kind:
    """How AWS names one kind of record.

    Attributes:
        name: The type of resource in its ARN.
        noun: How AWS's messages name it.
        stem: The prefix of its members' names: 'ModelName', 'ModelArn'.
        status: The member that holds its state, or None.
        missing: What AWS answers for a name that is not there.
        taken: What AWS answers for a name that is already there.
        dated: Whether it has a LastModifiedTime.
    """

    name: KindName
    noun: str
    stem: str
    status: str | None = None
    missing: Wording = _NOT_FOUND
    taken: Wording = _TAKEN
    dated: bool = True

    def not_found(self, name: str, arn: str) -> AwsError:
        """Return the error for a name that is not there."""
        return self._error(self.missing, name, arn)

    def already_exists(self, name: str, arn: str) -> AwsError:
        """Return the error for a name that is already there."""
        return self._error(self.taken, name, arn)

    def _error(self, wording: Wording, name: str, arn: str) -> AwsError:
        code, message = wording
        capitalized = self.noun[:1].upper() + self.noun[1:]
        return AwsError(code, message.format(noun=self.noun, Noun=capitalized, name=name, arn=arn))


KINDS: dict[KindName, Kind] = {
    kind.name: kind
    for kind in (
        Kind("model", "model", "Model", dated=False),
        Kind("endpoint-config", "endpoint configuration", "EndpointConfig", dated=False),
        Kind("endpoint", "endpoint", "Endpoint", "EndpointStatus"),
        Kind("async-invocation", "asynchronous invocation", "AsyncInvocation", dated=False),
        Kind(
            "training-job",
            "training job",
            "TrainingJob",
            "TrainingJobStatus",
            ("ValidationException", "Requested resource not found."),
            _JOB_TAKEN,
        ),
        Kind(
            "transform-job", "transform job", "TransformJob", "TransformJobStatus", _NO_SUCH_JOB, _JOB_TAKEN
        ),
        Kind(
            "processing-job",
            "processing job",
            "ProcessingJob",
            "ProcessingJobStatus",
            _NO_SUCH_JOB,
            _JOB_TAKEN,
        ),
        Kind("experiment", "Experiment", "Experiment", None, _RESOURCE_NOT_FOUND, _NAME_TAKEN),
        Kind("experiment-trial", "Trial", "Trial", None, _RESOURCE_NOT_FOUND, _NAME_TAKEN),
        Kind(
            "experiment-trial-component",
            "Trial Component",
            "TrialComponent",
            None,
            _RESOURCE_NOT_FOUND,
            _NAME_TAKEN,
        ),
        Kind(
            "model-package-group",
            "Model Package Group",
            "ModelPackageGroup",
            None,
            ("ValidationException", "ModelPackageGroup {arn} does not exist."),
            _PACKAGE_TAKEN,
            dated=False,
        ),
        Kind("model-package", "ModelPackage", "ModelPackage", None, _PACKAGE_NOT_FOUND, _PACKAGE_TAKEN),
        Kind(
            "model-card",
            "Model card",
            "ModelCard",
            None,
            _RESOURCE_NOT_FOUND,
            ("ConflictException", "Model card with name {name} already exists."),
        ),
        Kind(
            "pipeline",
            "Pipeline",
            "Pipeline",
            None,
            ("ResourceNotFound", "Pipeline '{arn}' does not exist."),
            _NAME_TAKEN,
        ),
        Kind(
            "code-repository",
            "CodeRepository",
            "CodeRepository",
            None,
            ("ValidationException", "Cannot find CodeRepository: {arn}"),
        ),
        Kind(
            "notebook-instance-lifecycle-config",
            "Notebook Instance Lifecycle Config",
            "NotebookInstanceLifecycleConfig",
            None,
            (
                "ValidationException",
                "Unable to describe {noun} '{arn}': it does not exist.",
            ),
        ),
        Kind(
            "studio-lifecycle-config",
            "Studio Lifecycle Config",
            "StudioLifecycleConfig",
            None,
            _RESOURCE_NOT_FOUND,
            ("ResourceInUse", "{noun} {name} already exists ({arn})."),
        ),
    )
}
