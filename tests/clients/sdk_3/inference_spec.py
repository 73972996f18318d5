"""ModelBuilder with an InferenceSpec and a SchemaBuilder: packed by the SDK, run by a server of ours."""

import shutil
import sys
from pathlib import Path

from sagemaker.core.helper.session_helper import Session
from sagemaker.serve import InferenceSpec, ModelBuilder, ModelServer
from sagemaker.serve.builder.schema_builder import SchemaBuilder


class Doubles(InferenceSpec):
    """A model that doubles numbers."""

    def load(self, model_dir: str) -> int:
        return 2

    def invoke(self, input_object: list, model: int) -> list:
        return [model * each for each in input_object]


# Its Python is this one, which has what the SDK's inference.py imports.
image = Path(shutil.copy(Path(__file__).parents[1] / "inference.py", ".")).absolute()
image.with_name(".venv").symlink_to(sys.prefix)
session = Session(default_bucket="sdk-3-inference-spec")
session.default_bucket()
builder = ModelBuilder(
    inference_spec=Doubles(),
    schema_builder=SchemaBuilder([1, 2], [2, 4]),
    model_path=str(Path("model").absolute()),
    model_server=ModelServer.TORCHSERVE,
    image_uri=f"host:{image}",
    dependencies={"auto": False},
    role_arn="arn:aws:iam::123456789012:role/longshore",
    instance_type="ml.m5.large",
    sagemaker_session=session,
)
model = builder.build(model_name="sdk-3-inference-spec")
endpoint = builder.deploy(endpoint_name="sdk-3-inference-spec")
assert endpoint.invoke(body="[3, 4]", content_type="application/json").body.read() == b"[6, 8]"
endpoint.delete()
model.delete()
