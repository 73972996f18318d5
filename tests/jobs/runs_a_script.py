#!/usr/bin/env python3
"""Trains by running a script that lies in S3, as AWS's framework images do; with the variables these set.

Without an SDK, so that it runs in any image that has Python.
"""

import json
import os
import subprocess
import sys
import tarfile
import tempfile
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

assert sys.argv[1:] == ["train"], sys.argv
CONFIG = Path("/opt/ml/input/config")


def from_s3(uri):
    where = urlsplit(uri)
    key, region = os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_REGION"]
    credential = f"{key}/20260101/{region}/s3/aws4_request"
    signed = {"Authorization": f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=0"}
    url = f"{os.environ['AWS_ENDPOINT_URL']}/{where.netloc}{where.path}"
    return urllib.request.urlopen(urllib.request.Request(url, headers=signed), timeout=60)


def read(name):
    return json.loads((CONFIG / f"{name}.json").read_text())


def hyperparameters():
    found = {}
    for name, value in read("hyperparameters").items():
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found


given, resources = hyperparameters(), read("resourceconfig")
own = {name: value for name, value in given.items() if not name.startswith("sagemaker_")}
channels = sorted(read("inputdataconfig"))
variables = {
    "SM_MODEL_DIR": "/opt/ml/model",
    "SM_OUTPUT_DATA_DIR": "/opt/ml/output/data",
    "SM_CHANNELS": json.dumps(channels),
    "SM_HPS": json.dumps(own),
    "SM_HOSTS": json.dumps(resources["hosts"]),
    "SM_CURRENT_HOST": resources["current_host"],
    **{f"SM_CHANNEL_{name.upper()}": f"/opt/ml/input/data/{name}" for name in channels},
}
arguments = [text for name, value in own.items() for text in (f"--{name}", str(value))]
with tempfile.TemporaryDirectory() as folder:
    with (
        from_s3(given["sagemaker_submit_directory"]) as stream,
        tarfile.open(fileobj=stream, mode="r|*") as code,
    ):
        # Python 3.11.0 to 3.11.3 have no filters; the code is the test's own.
        safely = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
        code.extractall(folder, **safely)
    command = [sys.executable, given["sagemaker_program"], *arguments]
    sys.exit(subprocess.run(command, cwd=folder, env=os.environ | variables).returncode)
