"""Processor, ScriptProcessor and FrameworkProcessor: inputs from here, arguments, outputs to S3."""

import sys
from pathlib import Path

import sagemaker
from sagemaker.processing import (
    FrameworkProcessor,
    ProcessingInput,
    ProcessingJob,
    ProcessingOutput,
    Processor,
    ScriptProcessor,
)
from sagemaker.sklearn.estimator import SKLearn

BUCKET = "sdk-2-processing"
session = sagemaker.Session(default_bucket=BUCKET)
CLIENTS = Path(__file__).parents[1]
common = {
    "image_uri": f"host:{CLIENTS / 'factor.py'}",
    "role": "longshore",
    "instance_count": 1,
    "instance_type": "ml.m5.large",
    "sagemaker_session": session,
}
Path("rows.csv").write_text("1\n2\n3\n")
Path("code").mkdir()
Path("code/counts.py").write_text(
    "import pathlib, sys\n"
    "rows = pathlib.Path('/opt/ml/processing/input/rows.csv').read_text().splitlines()\n"
    "pathlib.Path('/opt/ml/processing/output/told.txt').write_text(f'{sys.argv[1:]} {len(rows)}')\n"
)


def given(name: str) -> dict:
    """Where a job's rows come from and its results go."""
    return {
        "inputs": [ProcessingInput("rows.csv", "/opt/ml/processing/input", input_name="rows")],
        "outputs": [
            ProcessingOutput("/opt/ml/processing/output", f"s3://{BUCKET}/{name}", output_name="told")
        ],
    }


script = ScriptProcessor(command=[sys.executable], base_job_name="script", **common)
script.run("code/counts.py", arguments=["--from", "script"], wait=False, logs=False, **given("script"))
framework = FrameworkProcessor(
    SKLearn, "1.2-1", command=[sys.executable], base_job_name="framework", **common
)
framework.run(
    "counts.py", source_dir="code", arguments=["--from", "framework"], wait=False, logs=False,
    **given("framework"),
)  # fmt: skip
plain = Processor(
    entrypoint=["/bin/sh", "-c", 'cp /opt/ml/processing/input/rows.csv "$0"'],
    env={"WHO": "plain"},
    max_runtime_in_seconds=600,
    base_job_name="plain",
    **common,
)
plain.run(arguments=["/opt/ml/processing/output/told.txt"], wait=False, logs=False, **given("plain"))
for processor in (script, framework):
    processor.latest_job.wait(logs=False)
plain.latest_job.wait(logs=True)

assert session.read_s3_file(BUCKET, "script/told.txt") == "['--from', 'script'] 3"
assert session.read_s3_file(BUCKET, "framework/told.txt") == "['--from', 'framework'] 3"
assert session.read_s3_file(BUCKET, "plain/told.txt") == "1\n2\n3\n"
again = ProcessingJob.from_processing_name(session, plain.latest_job.job_name)
assert again.outputs[0].destination == f"s3://{BUCKET}/plain", again.outputs[0].destination
