"""A task of simple-sagemaker's: its role and policies, code and input uploaded, run, its results downloaded.

argv: the image, the folder for the results.
"""

import sys
from pathlib import Path

import boto3
import sagemaker
from simple_sagemaker.sm_project import SageMakerProject

image, results = sys.argv[1:]
BUCKET = "iris-simple"
boto3.client("s3").create_bucket(Bucket=BUCKET)
project = SageMakerProject("iris", bucket_name=BUCKET, smSession=sagemaker.Session(default_bucket=BUCKET))
project.setDefaultImageParams()
project.setDefaultCodeParams(
    source_dir=str(Path(__file__).parent / "script"), entry_point="counts_rows.py", dependencies=[]
)
project.setDefaultInstanceParams()
project.createIAMRole()
project.runTask(
    "count",
    image,
    hyperparameters={"column": 2},
    input_data_path=str(Path("local_test/test_dir/input/data/training")),
)
project.downloadResults("count", results, logs=False, state=True, model=True, output=False)
