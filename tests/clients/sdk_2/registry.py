"""Model: register it as a model package, read it, deploy it by its ARN."""

from pathlib import Path

import boto3
import sagemaker
from sagemaker import ModelPackage
from sagemaker.model import Model
from sagemaker.predictor import Predictor
from sagemaker.s3 import S3Uploader
from sagemaker.serializers import CSVSerializer

session = sagemaker.Session(default_bucket="sdk-2-registry")
Path("factor.txt").write_text("3")
sagemaker.utils.create_tar_file(["factor.txt"], "model.tar.gz")
data = S3Uploader.upload("model.tar.gz", f"s3://{session.default_bucket()}/model", sagemaker_session=session)
model = Model(
    image_uri=f"host:{Path(__file__).parents[1] / 'factor.py'}",
    model_data=data,
    role="longshore",
    sagemaker_session=session,
)
package = model.register(
    content_types=["text/csv"],
    response_types=["text/csv"],
    inference_instances=["ml.m5.large"],
    transform_instances=["ml.m5.large"],
    model_package_group_name="factors",
    approval_status="PendingManualApproval",
    description="Multiplies.",
)
sm = boto3.client("sagemaker")
(listed,) = sm.list_model_packages(ModelPackageGroupName="factors")["ModelPackageSummaryList"]
assert listed["ModelPackageArn"] == package.model_package_arn, listed
package.update_approval_status("Approved")
described = sm.describe_model_package(ModelPackageName=package.model_package_arn)
assert described["ModelApprovalStatus"] == "Approved", described
assert described["InferenceSpecification"]["Containers"][0]["ModelDataUrl"] == data, described

registered = ModelPackage(
    role="longshore", model_package_arn=package.model_package_arn, sagemaker_session=session
)
registered.predictor_cls = Predictor
predictor = registered.deploy(1, "ml.m5.large", serializer=CSVSerializer(), endpoint_name="sdk-2-registry")
assert predictor.predict([[4], [5]]) == b"12.0\n15.0\n"
predictor.delete_endpoint()
registered.delete_model()
sm.delete_model_package(ModelPackageName=package.model_package_arn)
sm.delete_model_package_group(ModelPackageGroupName="factors")
