"""sagemaker.core.resources: create, get, get_all, wait, update and delete, for each kind."""

from pathlib import Path

import boto3
from botocore.exceptions import ClientError
from sagemaker.core import shapes
from sagemaker.core.resources import (
    CodeRepository,
    Endpoint,
    EndpointConfig,
    Experiment,
    HyperParameterTuningJob,
    Model,
    ModelPackage,
    ModelPackageGroup,
    NotebookInstanceLifecycleConfig,
    ProcessingJob,
    Tag,
    TrainingJob,
    TransformJob,
    Trial,
    TrialComponent,
)

NAME = "sdk-3-resources"
IMAGE = f"host:{Path(__file__).parents[1] / 'factor.py'}"
ROLE = "arn:aws:iam::123456789012:role/longshore"
s3 = boto3.client("s3")


def refusal(function, **given) -> str:
    """Return the message of the error that a call raises."""
    try:
        function(**given)
    except ClientError as error:
        return error.response["Error"]["Message"]
    raise AssertionError(f"{function} raises nothing")


s3.create_bucket(Bucket=NAME)
s3.put_object(Bucket=NAME, Key="data/rows.csv", Body=b"1\n2\n3\n")

stopping = shapes.StoppingCondition(max_runtime_in_seconds=600)
algorithm = shapes.AlgorithmSpecification(
    training_image=IMAGE,
    training_input_mode="File",
    metric_definitions=[shapes.MetricDefinition(name="rows", regex=r"rows=(\d+);")],
)
source = shapes.S3DataSource(s3_data_type="S3Prefix", s3_uri=f"s3://{NAME}/data/")
job = TrainingJob.create(
    training_job_name=NAME,
    role_arn=ROLE,
    algorithm_specification=algorithm,
    hyper_parameters={"factor": "2"},
    input_data_config=[
        shapes.Channel(channel_name="training", data_source=shapes.DataSource(s3_data_source=source))
    ],
    output_data_config=shapes.OutputDataConfig(s3_output_path=f"s3://{NAME}/output"),
    resource_config=shapes.ResourceConfig(
        instance_type="ml.m5.large", instance_count=1, volume_size_in_gb=10
    ),
    stopping_condition=stopping,
)
job.wait(poll=1, logs=True)
assert job.training_job_status == "Completed", job.failure_reason
assert job.final_metric_data_list[0].value == 3, job.final_metric_data_list
(found,) = TrainingJob.get_all(name_contains=NAME, status_equals="Completed")
assert found.training_job_arn == job.training_job_arn

processing = ProcessingJob.create(
    processing_job_name=NAME,
    processing_resources=shapes.ProcessingResources(
        cluster_config=shapes.ProcessingClusterConfig(
            instance_count=1, instance_type="ml.m5.large", volume_size_in_gb=10
        )
    ),
    app_specification=shapes.AppSpecification(
        image_uri=IMAGE, container_entrypoint=["/bin/sh", "-c", "echo done > /opt/ml/output/message"]
    ),
    role_arn=ROLE,
)
processing.wait(poll=1)
assert processing.processing_job_status == "Completed", processing.failure_reason
assert [each.processing_job_name for each in ProcessingJob.get_all(name_contains=NAME)] == [NAME]

model = Model.create(
    model_name=NAME,
    primary_container=shapes.ContainerDefinition(
        image=IMAGE, model_data_url=job.model_artifacts.s3_model_artifacts
    ),
    execution_role_arn=ROLE,
    tags=[shapes.Tag(key="team", value="a")],
)
assert Model.get(NAME).primary_container.image == IMAGE
assert [each.model_name for each in Model.get_all(name_contains=NAME)] == [NAME]
Tag.add_tags(model.model_arn, [shapes.Tag(key="stage", value="test")])
assert {tag.key for tag in Tag.get_all(model.model_arn)} == {"team", "stage"}
Tag.delete_tags(model.model_arn, ["team"])
assert {tag.key for tag in Tag.get_all(model.model_arn)} == {"stage"}

variant = shapes.ProductionVariant(
    variant_name="all", model_name=NAME, instance_type="ml.m5.large", initial_instance_count=1
)
config = EndpointConfig.create(endpoint_config_name=NAME, production_variants=[variant])
assert [each.endpoint_config_name for each in EndpointConfig.get_all(name_contains=NAME)] == [NAME]
endpoint = Endpoint.create(endpoint_name=NAME, endpoint_config_name=config)
endpoint.wait_for_status("InService", poll=1)
assert endpoint.invoke(body=b"4\n", content_type="text/csv").body.read() == b"8.0\n"
assert [each.endpoint_name for each in Endpoint.get_all(name_contains=NAME)] == [NAME]
weights = shapes.DesiredWeightAndCapacity(variant_name="all", desired_instance_count=2)
endpoint.update_weights_and_capacities([weights])
endpoint.wait_for_status("InService", poll=1)
assert endpoint.production_variants[0].current_instance_count == 2
endpoint.update(retain_all_variant_properties=True)
endpoint.wait_for_status("InService", poll=1)

batch = shapes.TransformS3DataSource(s3_data_type="S3Prefix", s3_uri=f"s3://{NAME}/data/")
transform = TransformJob.create(
    transform_job_name=NAME,
    model_name=NAME,
    transform_input=shapes.TransformInput(
        data_source=shapes.TransformDataSource(s3_data_source=batch),
        content_type="text/csv",
        split_type="Line",
    ),
    transform_output=shapes.TransformOutput(s3_output_path=f"s3://{NAME}/predictions", assemble_with="Line"),
    transform_resources=shapes.TransformResources(instance_type="ml.m5.large", instance_count=1),
)
transform.wait(poll=1, logs=False)
assert s3.get_object(Bucket=NAME, Key="predictions/rows.csv.out")["Body"].read() == b"2.0\n4.0\n6.0\n"

group = ModelPackageGroup.create(model_package_group_name=NAME, model_package_group_description="Factors.")
group.wait_for_status("Completed", poll=1)
# ModelPackage's create and delete need a ModelPackageName, which a package of a group has not.
sagemaker = boto3.client("sagemaker")
container = {"Image": IMAGE, "ModelDataUrl": job.model_artifacts.s3_model_artifacts}
made = sagemaker.create_model_package(
    ModelPackageGroupName=NAME, InferenceSpecification={"Containers": [container]}
)
package = ModelPackage.get(made["ModelPackageArn"])
package.wait_for_status("Completed", poll=1)
package.update(model_approval_status="Approved")
assert [each.model_approval_status for each in ModelPackage.get_all(model_package_group_name=NAME)] == [
    "Approved"
]

experiment = Experiment.create(experiment_name=NAME, description="Which factor?")
trial = Trial.create(trial_name=NAME, experiment_name=NAME)
component = TrialComponent.create(trial_component_name=NAME)
component.associate_trail(NAME)
assert [each.trial_name for each in Trial.get_all(experiment_name=NAME)] == [NAME]
assert [each.trial_component_name for each in TrialComponent.get_all(trial_name=NAME)] == [NAME]
component.disassociate_trail(NAME)
component.delete()
trial.delete()
experiment.delete()

repository = CodeRepository.create(
    code_repository_name=NAME, git_config=shapes.GitConfig(repository_url="https://example.com/a.git")
)
assert repository.git_config.repository_url == "https://example.com/a.git"
repository.delete()
lifecycle = NotebookInstanceLifecycleConfig.create(notebook_instance_lifecycle_config_name=NAME)
lifecycle.delete()

tuning = shapes.HyperParameterTuningJobConfig(
    strategy="Random", resource_limits=shapes.ResourceLimits(max_parallel_training_jobs=1)
)
said = refusal(
    HyperParameterTuningJob.create,
    hyper_parameter_tuning_job_name=NAME,
    hyper_parameter_tuning_job_config=tuning,
)
assert "CreateHyperParameterTuningJob" in said, said

endpoint.delete()
endpoint.wait_for_delete(poll=1)
sagemaker.delete_model_package(ModelPackageName=package.model_package_arn)
for resource in (config, model, group):
    resource.delete()
assert "Could not find endpoint" in refusal(Endpoint.get, endpoint_name=NAME)
assert "Could not find model" in refusal(Model.get, model_name=NAME)
assert not list(ModelPackageGroup.get_all(name_contains=NAME))
job.delete()
assert "Requested resource not found." in refusal(TrainingJob.get, training_job_name=NAME)
