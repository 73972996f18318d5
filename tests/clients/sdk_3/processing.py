"""Processor and ScriptProcessor of the core, and its Transformer."""

import sys
from pathlib import Path

from sagemaker.core.helper.session_helper import Session
from sagemaker.core.processing import Processor, ScriptProcessor
from sagemaker.core.resources import Model
from sagemaker.core.shapes import (
    ContainerDefinition,
    ProcessingInput,
    ProcessingOutput,
    ProcessingS3Input,
    ProcessingS3Output,
)
from sagemaker.core.transformer import Transformer

BUCKET = "sdk-3-processing"
IMAGE = f"host:{Path(__file__).parents[1] / 'factor.py'}"
ROLE = "arn:aws:iam::123456789012:role/longshore"
session = Session(default_bucket=BUCKET)
Path("rows.csv").write_text("1\n2\n3\n")
Path("counts.py").write_text(
    "import pathlib, sys\n"
    "rows = pathlib.Path('/opt/ml/processing/input/rows.csv').read_text().splitlines()\n"
    "pathlib.Path('/opt/ml/processing/output/told.txt').write_text(f'{sys.argv[1:]} {len(rows)}')\n"
)
rows = session.upload_data("rows.csv", bucket=session.default_bucket(), key_prefix="rows")
common = {
    "image_uri": IMAGE,
    "role": ROLE,
    "instance_count": 1,
    "instance_type": "ml.m5.large",
    "sagemaker_session": session,
}


def given(name: str) -> dict:
    """Where a job's rows come from and its results go."""
    source = ProcessingS3Input(
        s3_uri=rows, s3_data_type="S3Prefix", local_path="/opt/ml/processing/input", s3_input_mode="File"
    )
    target = ProcessingS3Output(
        s3_uri=f"s3://{BUCKET}/{name}", local_path="/opt/ml/processing/output", s3_upload_mode="EndOfJob"
    )
    return {
        "inputs": [ProcessingInput(input_name="rows", s3_input=source)],
        "outputs": [ProcessingOutput(output_name="told", s3_output=target)],
    }


script = ScriptProcessor(command=[sys.executable], base_job_name="script-3", **common)
script.run("counts.py", arguments=["--from", "script"], wait=False, logs=False, **given("script"))
plain = Processor(
    entrypoint=["/bin/sh", "-c", 'cp /opt/ml/processing/input/rows.csv "$0"'],
    base_job_name="plain-3",
    **common,
)
plain.run(arguments=["/opt/ml/processing/output/told.txt"], logs=True, **given("plain"))
script.latest_job.wait()
assert session.read_s3_file(BUCKET, "script/told.txt") == "['--from', 'script'] 3"
assert session.read_s3_file(BUCKET, "plain/told.txt") == "1\n2\n3\n"

container = ContainerDefinition(image=IMAGE, environment={"FACTOR": "4"})
model = Model.create(model_name="sdk-3-transform", primary_container=container, execution_role_arn=ROLE)
transformer = Transformer(
    "sdk-3-transform",
    1,
    "ml.m5.large",
    assemble_with="Line",
    output_path=f"s3://{BUCKET}/out",
    sagemaker_session=session,
)
transformer.transform(rows, content_type="text/csv", split_type="Line", wait=False)
transformer.wait(logs=False)
assert session.read_s3_file(BUCKET, "out/rows.csv.out") == "4.0\n8.0\n12.0\n"
again = Transformer.attach(transformer.latest_transform_job.transform_job_name, session)
assert again.output_path == f"s3://{BUCKET}/out", again.output_path
model.delete()
