"""Model with a ServerlessInferenceConfig."""

from pathlib import Path

import sagemaker
from sagemaker.model import Model
from sagemaker.predictor import Predictor
from sagemaker.serializers import CSVSerializer
from sagemaker.serverless import ServerlessInferenceConfig

session = sagemaker.Session(default_bucket="sdk-2-serverless")
model = Model(
    image_uri=f"host:{Path(__file__).parents[1] / 'factor.py'}",
    name="sdk-2-serverless",
    env={"FACTOR": "5"},
    role="longshore",
    predictor_cls=Predictor,
    sagemaker_session=session,
)
predictor = model.deploy(
    endpoint_name="sdk-2-serverless",
    serverless_inference_config=ServerlessInferenceConfig(memory_size_in_mb=2048, max_concurrency=2),
    serializer=CSVSerializer(),
)
assert predictor.predict([[2]]) == b"10.0\n"
predictor.delete_model()
predictor.delete_endpoint()
