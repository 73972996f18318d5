"""ModelTrainer with SourceCode: a script on two instances, with what the SDK's driver tells it."""

import json
import tarfile
from pathlib import Path

from sagemaker.core.helper.session_helper import Session
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, InputData, SourceCode

BUCKET = "sdk-3-scripts"
session = Session(default_bucket=BUCKET)
Path("rows.csv").write_text("1\n2\n3\n")
Path("code").mkdir()
Path("code/trains.py").write_text(
    "import argparse, json, os, pathlib\n"
    "parser = argparse.ArgumentParser()\n"
    "parser.add_argument('--depth', type=int)\n"
    "rows = pathlib.Path(os.environ['SM_CHANNEL_TRAINING'], 'rows.csv').read_text().split()\n"
    "told = [vars(parser.parse_args()), len(rows), json.loads(os.environ['SM_HOSTS'])]\n"
    "host = os.environ['SM_CURRENT_HOST']\n"
    "pathlib.Path(os.environ['SM_MODEL_DIR'], host).write_text(json.dumps(told))\n"
)
trainer = ModelTrainer(
    training_image=f"host:{Path(__file__).parents[1] / 'factor.py'}",
    role="arn:aws:iam::123456789012:role/longshore",
    base_job_name="scripts",
    source_code=SourceCode(source_dir="code", entry_script="trains.py"),
    compute=Compute(instance_type="ml.m5.large", instance_count=2),
    hyperparameters={"depth": 5},
    environment={"TEAM": "a"},
    sagemaker_session=session,
)
trainer.train(input_data_config=[InputData(channel_name="training", data_source="rows.csv")], logs=False)
job = trainer._latest_training_job
assert job.training_job_status == "Completed", job.failure_reason
session.download_data(".", BUCKET, job.model_artifacts.s3_model_artifacts.split("/", 3)[3])
with tarfile.open("model.tar.gz") as archive:
    for host in ("algo-1", "algo-2"):
        told = json.load(archive.extractfile(host))
        assert told == [{"depth": 5}, 3, ["algo-1", "algo-2"]], told
