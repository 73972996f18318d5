"""MultiDataModel: models added before and after the endpoint is there, listed, invoked by name."""

import json
from pathlib import Path

import sagemaker
from sagemaker.multidatamodel import MultiDataModel
from sagemaker.predictor import Predictor

session = sagemaker.Session(default_bucket="sdk-2-multi-model")
models = MultiDataModel(
    name="sdk-2-multi-model",
    model_data_prefix=f"s3://{session.default_bucket()}/models/",
    image_uri=f"host:{Path(__file__).parents[2] / 'hosted' / 'holds_models.py'}",
    role="longshore",
    predictor_cls=Predictor,
    sagemaker_session=session,
)


def archive(text: str) -> str:
    """A model's archive, by its text."""
    Path("text").write_text(text)
    return sagemaker.utils.create_tar_file(["text"], f"{text}.tar.gz")


models.add_model(archive("first"), "first.tar.gz")
predictor = models.deploy(1, "ml.m5.large", endpoint_name="sdk-2-multi-model")
models.add_model(archive("second"), "below/second.tar.gz")
assert sorted(models.list_models()) == ["below/second.tar.gz", "first.tar.gz"]
for name, text in (("first.tar.gz", "first"), ("below/second.tar.gz", "second")):
    assert json.loads(predictor.predict("which", target_model=name))["text"] == text
predictor.delete_model()
predictor.delete_endpoint()
