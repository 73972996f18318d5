"""Estimator: fit, attach to the job, deploy what it trained, transform with it."""

from pathlib import Path

import sagemaker
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.predictor import Predictor
from sagemaker.serializers import CSVSerializer

BUCKET = "sdk-2-training"
session = sagemaker.Session(default_bucket=BUCKET)
Path("rows.csv").write_text("1\n2\n3\n")
data = session.upload_data("rows.csv", key_prefix="data")
assert data == f"s3://{BUCKET}/data/rows.csv", data

estimator = Estimator(
    image_uri=f"host:{Path(__file__).parents[1] / 'factor.py'}",
    role="longshore",
    instance_count=1,
    instance_type="ml.m5.large",
    hyperparameters={"factor": 2},
    metric_definitions=[{"Name": "rows", "Regex": r"rows=(\d+);"}],
    base_job_name="sdk-2",
    tags=[{"Key": "team", "Value": "a"}],
    sagemaker_session=session,
)
estimator.fit({"training": TrainingInput(data, content_type="text/csv")})
job = estimator.latest_training_job.name

attached = Estimator.attach(job, sagemaker_session=session)
assert attached.model_data == estimator.model_data, attached.model_data
assert attached.hyperparameters() == {"factor": "2"}, attached.hyperparameters()
assert attached.image_uri == estimator.image_uri
assert attached.output_path == estimator.output_path, attached.output_path
assert attached.training_job_analytics.dataframe() is not None
assert session.describe_training_job(job)["FinalMetricDataList"][0]["Value"] == 3

predictor = attached.deploy(
    1, "ml.m5.large", serializer=CSVSerializer(), predictor_cls=Predictor, endpoint_name="sdk-2-training"
)
assert predictor.predict([[4], [5]]) == b"8.0\n10.0\n"

transformer = attached.transformer(1, "ml.m5.large", assemble_with="Line", accept="text/csv")
transformer.transform(data, content_type="text/csv", split_type="Line", wait=False)
transformer.wait(logs=False)
assert session.read_s3_file(BUCKET, f"{transformer.output_path.split('/', 3)[3]}/rows.csv.out") == (
    "2.0\n4.0\n6.0\n"
)
again = sagemaker.transformer.Transformer.attach(transformer.latest_transform_job.name, session)
assert again.output_path == transformer.output_path, again.output_path

package = attached.register(
    content_types=["text/csv"],
    response_types=["text/csv"],
    inference_instances=["ml.m5.large"],
    transform_instances=["ml.m5.large"],
    model_package_group_name="sdk-2-training",
)
described = session.sagemaker_client.describe_model_package(ModelPackageName=package.model_package_arn)
assert described["InferenceSpecification"]["Containers"][0]["ModelDataUrl"] == attached.model_data

transformer.delete_model()
predictor.delete_model()
predictor.delete_endpoint()
