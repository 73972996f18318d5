"""Estimator with a script of its own: source_dir and entry_point, uploaded by the SDK."""

import tarfile
from pathlib import Path

import sagemaker
from sagemaker.estimator import Estimator

CLIENTS = Path(__file__).parents[1]
BUCKET = "sdk-2-scripts"
session = sagemaker.Session(default_bucket=BUCKET)
Path("rows.csv").write_text("1\n2\n3\n")
estimator = Estimator(
    image_uri=f"host:{CLIENTS.parent / 'jobs' / 'runs_a_script.py'}",
    entry_point="counts_rows.py",
    source_dir=str(CLIENTS / "script"),
    role="longshore",
    instance_count=1,
    instance_type="ml.m5.large",
    hyperparameters={"column": 2},
    base_job_name="scripts",
    sagemaker_session=session,
)
data = session.upload_data("rows.csv", key_prefix="data")
estimator.fit({"data": data}, wait=False)
estimator.latest_training_job.wait(logs="None")
session.download_data(".", BUCKET, estimator.model_data.split("/", 3)[3])
with tarfile.open("model.tar.gz") as archive:
    assert archive.extractfile("told.txt").read() == b"--column 2: 3 rows\n"
attached = Estimator.attach(estimator.latest_training_job.name, sagemaker_session=session)
assert attached.hyperparameters()["sagemaker_program"] == '"counts_rows.py"', attached.hyperparameters()
assert attached.hyperparameters()["column"] == "2", attached.hyperparameters()
