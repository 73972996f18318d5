"""@remote and RemoteExecutor: a function runs as a training job, its value or its exception comes back."""

import shutil
import sys
from pathlib import Path

import sagemaker
from sagemaker.remote_function import RemoteExecutor, remote

session = sagemaker.Session(default_bucket="sdk-2-remote")
# Its Python is this one, which has the SDK. It starts in its own folder, into which the SDK unpacks.
image = Path(shutil.copy(Path(__file__).parents[1] / "factor.py", ".")).absolute()
image.with_name(".venv").symlink_to(sys.prefix)
settings = {
    "image_uri": f"host:{image}",
    "role": "longshore",
    "instance_type": "ml.m5.large",
    "s3_root_uri": "s3://sdk-2-remote/functions",
    # The SDK has the job install `sagemaker`, which this Python already has.
    "environment_variables": {"PIP_NO_INDEX": "1", "PIP_NO_DEPS": "1"},
    "sagemaker_session": session,
}


@remote(**settings)
def divide(this: float, that: float) -> float:
    return this / that


def fail(number: int) -> int:
    return number // 0


with RemoteExecutor(max_parallel_jobs=1, **settings) as executor:
    future = executor.submit(fail, 12)
    assert divide(6, that=4) == 1.5
try:
    future.result()
except ZeroDivisionError:
    pass
else:
    raise AssertionError("the exception is lost")
