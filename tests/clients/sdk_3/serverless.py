"""ModelBuilder with an image and a model in S3, deployed to a serverless endpoint."""

import tarfile
from pathlib import Path

from sagemaker.core.helper.session_helper import Session
from sagemaker.core.inference_config import ServerlessInferenceConfig
from sagemaker.serve import ModelBuilder

session = Session(default_bucket="sdk-3-serverless")
Path("factor.txt").write_text("3")
with tarfile.open("model.tar.gz", "w:gz") as archive:
    archive.add("factor.txt")
builder = ModelBuilder(
    s3_model_data_url=session.upload_data(
        "model.tar.gz", bucket=session.default_bucket(), key_prefix="model"
    ),
    image_uri=f"host:{Path(__file__).parents[1] / 'factor.py'}",
    role_arn="arn:aws:iam::123456789012:role/longshore",
    sagemaker_session=session,
)
builder.build(model_name="sdk-3-serverless")
endpoint = builder.deploy(
    endpoint_name="sdk-3-serverless",
    inference_config=ServerlessInferenceConfig(memory_size_in_mb=2048, max_concurrency=2),
)
assert endpoint.invoke(body="5\n", content_type="text/csv").body.read() == b"15.0\n"
endpoint.delete()
