"""@remote and RemoteExecutor: a function runs as a training job, its value or its exception comes back."""

import shutil
import sys
from pathlib import Path

from sagemaker.core.helper.session_helper import Session
from sagemaker.core.remote_function import RemoteExecutor, remote

# Its Python is this one, which has the SDK. It starts in its own folder, into which the SDK unpacks.
image = Path(shutil.copy(Path(__file__).parents[1] / "factor.py", ".")).absolute()
image.with_name(".venv").symlink_to(sys.prefix)
settings = {
    "image_uri": f"host:{image}",
    "role": "longshore",
    "instance_type": "ml.m5.large",
    "s3_root_uri": "s3://sdk-3-remote/functions",
    "sagemaker_session": Session(default_bucket="sdk-3-remote"),
}
settings["sagemaker_session"].default_bucket()


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
