"""Train, deploy, invoke, transform, delete with sagemaker-core, the core of the SageMaker Python SDK 3.x."""

from pathlib import Path

import boto3
from sagemaker.core import shapes
from sagemaker.core.resources import Endpoint, EndpointConfig, Model, TrainingJob, TransformJob

NAME = "iris-core"
IMAGE = f"host:{Path.cwd()}"
ROLE = "arn:aws:iam::123456789012:role/longshore"

s3 = boto3.client("s3")
s3.create_bucket(Bucket=NAME)
s3.upload_file("local_test/test_dir/input/data/training/iris.csv", NAME, "data/iris.csv")
s3.upload_file("local_test/payload.csv", NAME, "batch/flowers.csv")

data = shapes.S3DataSource(s3_data_type="S3Prefix", s3_uri=f"s3://{NAME}/data/")
job = TrainingJob.create(
    training_job_name=NAME,
    role_arn=ROLE,
    algorithm_specification=shapes.AlgorithmSpecification(training_image=IMAGE, training_input_mode="File"),
    hyper_parameters={"max_leaf_nodes": "5"},
    input_data_config=[
        shapes.Channel(channel_name="training", data_source=shapes.DataSource(s3_data_source=data))
    ],
    output_data_config=shapes.OutputDataConfig(s3_output_path=f"s3://{NAME}/output"),
    resource_config=shapes.ResourceConfig(
        instance_type="ml.m5.large", instance_count=1, volume_size_in_gb=10
    ),
    stopping_condition=shapes.StoppingCondition(max_runtime_in_seconds=600),
)
job.wait(poll=1, logs=True)
print(job.training_job_status)

model_data = job.model_artifacts.s3_model_artifacts
model = Model.create(
    model_name=NAME,
    primary_container=shapes.ContainerDefinition(image=IMAGE, model_data_url=model_data),
    execution_role_arn=ROLE,
)
variant = shapes.ProductionVariant(
    variant_name="all", model_name=NAME, instance_type="ml.m5.large", initial_instance_count=1
)
config = EndpointConfig.create(endpoint_config_name=NAME, production_variants=[variant])
endpoint = Endpoint.create(endpoint_name=NAME, endpoint_config_name=config)
endpoint.wait_for_status("InService", poll=1)
print(endpoint.invoke(body=b"5.1,3.5,1.4,0.2\n", content_type="text/csv").body.read())

batch = shapes.TransformS3DataSource(s3_data_type="S3Prefix", s3_uri=f"s3://{NAME}/batch/")
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
print(s3.get_object(Bucket=NAME, Key="predictions/flowers.csv.out")["Body"].read())

endpoint.delete()
endpoint.wait_for_delete(poll=1)
config.delete()
model.delete()
