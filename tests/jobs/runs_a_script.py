#!/usr/bin/env python3
"""Trains by running a script, as AWS's framework images do."""

import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

import boto3

assert sys.argv[1:] == ["train"]
given = json.loads(Path("/opt/ml/input/config/hyperparameters.json").read_text())
hyperparameters = {name: json.loads(value) for name, value in given.items()}
where = urlsplit(hyperparameters["sagemaker_submit_directory"])
with tempfile.TemporaryDirectory() as folder:
    archive = Path(folder, "source.tar.gz")
    boto3.client("s3").download_file(where.netloc, where.path.lstrip("/"), str(archive))
    with tarfile.open(archive) as source:
        source.extractall(folder, filter="data")
    command = [sys.executable, hyperparameters["sagemaker_program"]]
    for name, value in hyperparameters.items():
        if not name.startswith("sagemaker_"):
            command += [f"--{name}", str(value)]
    sys.exit(subprocess.run(command, cwd=folder).returncode)
