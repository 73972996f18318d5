"""Describe and List carry what AWS always sends, because the SDKs read it without looking for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore import xform_name

from longshore.aws import service_model
from tests.support.emulator import ROLE, EmulatorProcess
from tests.support.hosting import Hosting, image
from tests.support.jobs import channel, process, train, transform

NAME = "described"
GIT = {"RepositoryUrl": "https://git.example/a"}


@pytest.fixture(scope="module")
def hosting(emulator: EmulatorProcess) -> Hosting:
    return Hosting(emulator)


@pytest.fixture(scope="module")
def sagemaker(emulator: EmulatorProcess, hosting: Hosting) -> Any:
    """A client, with a record of each kind, called 'described'; the jobs have ended."""
    sagemaker = emulator.client("sagemaker")
    emulator.put(NAME, **{"in/a.csv": b"1\n"})
    train(emulator, NAME, "tells_what_it_got.py", InputDataConfig=[channel("in", f"s3://{NAME}/in/")])
    transform(emulator, NAME)
    given = {"S3Uri": f"s3://{NAME}/in/", "LocalPath": "/opt/ml/processing/in", "S3DataType": "S3Prefix"}
    wanted = {"S3Uri": f"s3://{NAME}/o", "LocalPath": "/opt/ml/processing/o", "S3UploadMode": "EndOfJob"}
    process(
        emulator,
        NAME,
        "tells_what_it_got.py",
        ProcessingInputs=[{"InputName": "in", "S3Input": {**given, "S3InputMode": "File"}}],
        ProcessingOutputConfig={"Outputs": [{"OutputName": "out", "S3Output": wanted}]},
    )
    variant = {"VariantName": "all", "ModelName": NAME, "InstanceType": "ml.m5.large"}
    sagemaker.create_endpoint_config(
        EndpointConfigName=NAME, ProductionVariants=[{**variant, "InitialInstanceCount": 1}]
    )
    sagemaker.create_endpoint(EndpointName=NAME, EndpointConfigName=NAME)
    sagemaker.create_experiment(ExperimentName=NAME)
    sagemaker.create_trial(TrialName=NAME, ExperimentName=NAME)
    sagemaker.create_trial_component(TrialComponentName=NAME)
    sagemaker.create_model_package_group(ModelPackageGroupName=NAME)
    sagemaker.create_model_package(
        ModelPackageName=NAME,
        InferenceSpecification={
            "Containers": [{"Image": image("talks")}],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        },
    )
    sagemaker.create_model_card(ModelCardName=NAME, Content="{}", ModelCardStatus="Draft")
    sagemaker.create_pipeline(
        PipelineName=NAME, PipelineDefinition="{}", RoleArn=ROLE, ClientRequestToken="d" * 32
    )
    sagemaker.create_code_repository(CodeRepositoryName=NAME, GitConfig=GIT)
    sagemaker.create_notebook_instance_lifecycle_config(NotebookInstanceLifecycleConfigName=NAME)
    sagemaker.create_studio_lifecycle_config(
        StudioLifecycleConfigName=NAME,
        StudioLifecycleConfigContent="IyE=",
        StudioLifecycleConfigAppType="JupyterLab",
    )
    for kind in ("Training", "Transform", "Processing"):
        assert emulator.ended(kind, NAME)[f"{kind}JobStatus"] == "Completed"
    assert hosting.settled(NAME)["EndpointStatus"] == "InService"
    return sagemaker


def absent(shape: Any, value: Any, path: str = "") -> Iterator[str]:
    """The members that the model requires in an answer and that are not there."""
    if shape.type_name == "structure":
        for name in shape.required_members:
            if name not in value:
                yield f"{path}.{name}"
        for name, member in shape.members.items():
            if name in value:
                yield from absent(member, value[name], f"{path}.{name}")
    elif shape.type_name == "list":
        for item in value:
            yield from absent(shape.member, item, f"{path}[]")


KINDS = {
    "TrainingJob": "TrainingJobs",
    "TransformJob": "TransformJobs",
    "ProcessingJob": "ProcessingJobs",
    "Model": "Models",
    "EndpointConfig": "EndpointConfigs",
    "Endpoint": "Endpoints",
    "Experiment": "Experiments",
    "Trial": "Trials",
    "TrialComponent": "TrialComponents",
    "ModelPackageGroup": "ModelPackageGroups",
    "ModelPackage": "ModelPackages",
    "ModelCard": "ModelCards",
    "Pipeline": "Pipelines",
    "CodeRepository": "CodeRepositories",
    "NotebookInstanceLifecycleConfig": "NotebookInstanceLifecycleConfigs",
    "StudioLifecycleConfig": "StudioLifecycleConfigs",
}


@pytest.mark.parametrize("kind", KINDS)
def test_required_members_are_present(sagemaker: Any, kind: str) -> None:
    for operation, request in ((f"Describe{kind}", {f"{kind}Name": NAME}), (f"List{KINDS[kind]}", {})):
        answer = sagemaker._make_api_call(operation, request)
        shape = service_model("sagemaker").operation_model(operation).output_shape
        assert list(absent(shape, answer)) == []


def part(answer: dict[str, Any], *path: str) -> Any:
    found: Any = answer
    for name in path:
        found = found[0][name] if isinstance(found, list) else found[name]
    return found


ALWAYS: list[tuple[str, tuple[str, ...], Any]] = [
    ("TrainingJob", ("OutputDataConfig", "KmsKeyId"), ""),  # Estimator.attach of the SDK 2 reads it
    ("TrainingJob", ("OutputDataConfig", "CompressionType"), "GZIP"),
    ("TrainingJob", ("InputDataConfig", "CompressionType"), "None"),
    ("TrainingJob", ("InputDataConfig", "RecordWrapperType"), "None"),
    (
        "TrainingJob",
        ("InputDataConfig", "DataSource", "S3DataSource", "S3DataDistributionType"),
        "FullyReplicated",
    ),
    ("TrainingJob", ("AlgorithmSpecification", "EnableSageMakerMetricsTimeSeries"), False),
    ("TrainingJob", ("HyperParameters",), {}),
    ("TrainingJob", ("EnableNetworkIsolation",), False),
    ("TransformJob", ("TransformInput", "CompressionType"), "None"),
    ("TransformJob", ("TransformInput", "SplitType"), "None"),
    ("TransformJob", ("TransformOutput", "AssembleWith"), "None"),
    ("TransformJob", ("TransformOutput", "KmsKeyId"), ""),
    ("TransformJob", ("DataProcessing", "InputFilter"), "$"),
    ("TransformJob", ("DataProcessing", "JoinSource"), "None"),
    ("ProcessingJob", ("ProcessingInputs", "AppManaged"), False),
    ("ProcessingJob", ("ProcessingInputs", "S3Input", "S3DataDistributionType"), "FullyReplicated"),
    ("ProcessingJob", ("ProcessingOutputConfig", "Outputs", "AppManaged"), False),
    ("Model", ("PrimaryContainer", "Mode"), "SingleModel"),
    ("Model", ("PrimaryContainer", "Environment"), {}),
    ("EndpointConfig", ("EnableNetworkIsolation",), False),
]


@pytest.mark.parametrize(("kind", "path", "value"), ALWAYS)
def test_omitted_members_have_defaults(sagemaker: Any, kind: str, path: tuple[str, ...], value: Any) -> None:
    assert part(sagemaker._make_api_call(f"Describe{kind}", {f"{kind}Name": NAME}), *path) == value


# For each filter of a List operation a value that no record has.
NO_MATCH: dict[str, Any] = {
    "NameContains": "no-name-has-this",
    "PipelineNamePrefix": "no-name-has-this",
    **dict.fromkeys(
        ("CreationTimeBefore", "CreatedBefore", "LastModifiedTimeBefore", "ModifiedTimeBefore"), 1
    ),
    **dict.fromkeys(("CreationTimeAfter", "CreatedAfter", "LastModifiedTimeAfter", "ModifiedTimeAfter"), 4e9),
    "ModelApprovalStatus": "Rejected",
    "ModelCardStatus": "Archived",
    "AppTypeEquals": "KernelGateway",
    "CrossAccountFilterOption": "CrossAccount",
    "ManagedBy": "AWS",
    "WarmPoolStatusEquals": "Available",
    "TrainingPlanArnEquals": "arn:aws:sagemaker:us-east-1:123456789012:training-plan/none",
    "SourceArn": "arn:aws:sagemaker:us-east-1:123456789012:training-job/none",
}
STATUSES = {"ListEndpoints": "RollingBack"}  # others: Stopping
# Members that are not filters, and those that name records which have to be there.
OTHERS = {"SortBy", "SortOrder", "MaxResults", "NextToken", "ModelPackageType"}
NAMES = {"ExperimentName", "TrialName", "TrialComponentName", "ModelPackageGroupName"}


@pytest.mark.parametrize("kind", KINDS)
def test_lists_honor_each_filter(hosting: Hosting, sagemaker: Any, kind: str) -> None:
    operation = f"List{KINDS[kind]}"
    shape = service_model("sagemaker").operation_model(operation).input_shape
    call = xform_name(operation)
    for member in shape.members.keys() - OTHERS - NAMES:
        value = STATUSES.get(operation, "Stopping") if member == "StatusEquals" else NO_MATCH[member]
        answer = hosting.unchecked(call, {member: value})
        found = [items for name, items in answer.items() if isinstance(items, list)]
        assert found == [[]], (member, answer)
