"""Model with an AsyncInferenceConfig: predict_async with its response object, and predict."""

from pathlib import Path

import sagemaker
from sagemaker.async_inference import AsyncInferenceConfig, WaiterConfig
from sagemaker.deserializers import CSVDeserializer
from sagemaker.model import Model
from sagemaker.predictor import Predictor
from sagemaker.serializers import CSVSerializer

session = sagemaker.Session(default_bucket="sdk-2-asynchronous")
model = Model(
    image_uri=f"host:{Path(__file__).parents[1] / 'factor.py'}",
    name="sdk-2-asynchronous",
    env={"FACTOR": "4"},
    role="longshore",
    predictor_cls=Predictor,
    sagemaker_session=session,
)
often = WaiterConfig(max_attempts=60, delay=1)
predictor = model.deploy(
    1,
    "ml.m5.large",
    endpoint_name="sdk-2-asynchronous",
    async_inference_config=AsyncInferenceConfig(max_concurrent_invocations_per_instance=2),
    serializer=CSVSerializer(),
    deserializer=CSVDeserializer(),
)
response = predictor.predict_async([[1], [2]])
assert response.get_result(often) == [["4.0"], ["8.0"]]
assert predictor.predict([[3]], waiter_config=often) == [["12.0"]]
predictor.delete_model()
predictor.delete_endpoint()
