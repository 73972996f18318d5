"""ModelBuilder: the model registered as a package, and deployed to an asynchronous endpoint."""

import tarfile
import urllib.parse
from pathlib import Path

import boto3
from sagemaker.core.helper.session_helper import Session
from sagemaker.core.inference_config import AsyncInferenceConfig
from sagemaker.core.resources import ModelPackage
from sagemaker.serve import ModelBuilder

BUCKET = "sdk-3-asynchronous"
session = Session(default_bucket=BUCKET)
Path("factor.txt").write_text("3")
with tarfile.open("model.tar.gz", "w:gz") as archive:
    archive.add("factor.txt")
data = session.upload_data("model.tar.gz", bucket=session.default_bucket(), key_prefix="model")
builder = ModelBuilder(
    s3_model_data_url=data,
    image_uri=f"host:{Path(__file__).parents[1] / 'factor.py'}",
    role_arn="arn:aws:iam::123456789012:role/longshore",
    instance_type="ml.m5.large",
    sagemaker_session=session,
)
builder.build(model_name=BUCKET)
arn = builder.register(
    model_package_group_name="factors-3",
    content_types=["text/csv"],
    response_types=["text/csv"],
    inference_instances=["ml.m5.large"],
    approval_status="Approved",
)
package = ModelPackage.get(model_package_name=arn)
assert package.model_approval_status == "Approved", package.model_approval_status
assert package.inference_specification.containers[0].model_data_url == data

endpoint = builder.deploy(
    endpoint_name=BUCKET,
    instance_type="ml.m5.large",
    inference_config=AsyncInferenceConfig(
        output_path=f"s3://{BUCKET}/out", failure_path=f"s3://{BUCKET}/bad"
    ),
)
s3 = boto3.client("s3")
s3.put_object(Bucket=BUCKET, Key="in.csv", Body=b"6\n")
answer = endpoint.invoke_async(input_location=f"s3://{BUCKET}/in.csv", content_type="text/csv")
output = {"Bucket": BUCKET, "Key": urllib.parse.urlparse(answer.output_location).path[1:]}
s3.get_waiter("object_exists").wait(**output, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
assert s3.get_object(**output)["Body"].read() == b"18.0\n"
endpoint.delete()
