"""PipelineModel: two containers one after the other, deployed, and as a transformer."""

from pathlib import Path

import sagemaker
from sagemaker.model import Model
from sagemaker.pipeline import PipelineModel
from sagemaker.predictor import Predictor
from sagemaker.serializers import CSVSerializer

session = sagemaker.Session(default_bucket="sdk-2-pipeline")
image = f"host:{Path(__file__).parents[1] / 'factor.py'}"
stages = [
    Model(image_uri=image, env={"FACTOR": factor}, role="longshore", sagemaker_session=session)
    for factor in ("2", "3")
]
pipeline = PipelineModel(
    stages, role="longshore", name="sdk-2-pipeline", predictor_cls=Predictor, sagemaker_session=session
)
predictor = pipeline.deploy(1, "ml.m5.large", endpoint_name="sdk-2-pipeline", serializer=CSVSerializer())
assert predictor.predict([[7]]) == b"42.0\n"
predictor.delete_endpoint()

Path("rows.csv").write_text("1\n2\n")
rows = session.upload_data("rows.csv", key_prefix="rows")
transformer = pipeline.transformer(
    1, "ml.m5.large", output_path="s3://sdk-2-pipeline/out", strategy="SingleRecord", assemble_with="Line"
)
transformer.transform(rows, content_type="text/csv", split_type="Line", wait=False)
transformer.wait(logs=False)
assert session.read_s3_file("sdk-2-pipeline", "out/rows.csv.out") == "6.0\n12.0\n"
pipeline.delete_model()
