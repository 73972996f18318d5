"""ModelTrainer: an image's own training, its job as a TrainingJob; its model built, deployed and invoked."""

from pathlib import Path

from sagemaker.core.helper.session_helper import Session
from sagemaker.core.resources import TrainingJob
from sagemaker.serve import ModelBuilder
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, InputData, OutputDataConfig

BUCKET = "sdk-3-training"
IMAGE = f"host:{Path(__file__).parents[1] / 'factor.py'}"
ROLE = "arn:aws:iam::123456789012:role/longshore"
session = Session(default_bucket=BUCKET)
Path("rows").mkdir()
Path("rows/rows.csv").write_text("1\n2\n3\n")
trainer = ModelTrainer(
    training_image=IMAGE,
    role=ROLE,
    base_job_name="sdk-3",
    compute=Compute(instance_type="ml.m5.large", instance_count=1),
    hyperparameters={"factor": 2},
    output_data_config=OutputDataConfig(s3_output_path=f"s3://{session.default_bucket()}/output"),
    sagemaker_session=session,
)
trainer.train(input_data_config=[InputData(channel_name="training", data_source="rows")])
job = trainer._latest_training_job
assert job.training_job_status == "Completed", job.training_job_status
again = TrainingJob.get(job.training_job_name)
assert again.model_artifacts.s3_model_artifacts == (
    f"s3://{BUCKET}/output/{job.training_job_name}/output/model.tar.gz"
)
assert again.hyper_parameters == {"factor": "2"}, again.hyper_parameters

builder = ModelBuilder(
    model=trainer, image_uri=IMAGE, role_arn=ROLE, instance_type="ml.m5.large", sagemaker_session=session
)
model = builder.build(model_name="sdk-3-training")
assert model.primary_container.model_data_url == again.model_artifacts.s3_model_artifacts
endpoint = builder.deploy(endpoint_name="sdk-3-training", instance_type="ml.m5.large")
assert endpoint.invoke(body="4\n", content_type="text/csv").body.read() == b"8.0\n"
endpoint.delete()
model.delete()
