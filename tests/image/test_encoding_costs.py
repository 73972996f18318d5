"""What writing an answer costs beside its body: memory, and libraries that it does not need."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from bench.bodies.encoders import PREDICTIONS
from tests.support.server import CHECKOUT

MOST = 5  # times the body: a Python object for each line, or a buffer of orjson's, would be far above


def run(*arguments: str) -> str:
    """The stdout of this Python, with the runtime and the bench on its path."""
    path = f"{CHECKOUT / 'container'}{os.pathsep}{CHECKOUT}"
    ran = subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, env=os.environ | {"PYTHONPATH": path}
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@pytest.mark.parametrize("kind", ["JSON", "JSON_LINES", "CSV"])
@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_writing_text_takes_a_few_times_the_memory_of_the_body(prediction: str, kind: str) -> None:
    found = json.loads(run("-m", "bench.bodies.encoders", prediction, kind))
    assert found["peak"] < MOST * found["body"]


NO_PYARROW = """
import sys
from longshore_runtime.errors import RequestError
from longshore_runtime.runners.model.encoding import encode
for prediction in ([1], {"a": {"b": 1}}, "text"):
    try:
        encode(prediction, "image/png", "", None)
    except RequestError as error:
        print(error.status, error.detail)
assert "pyarrow" not in sys.modules and "pandas" not in sys.modules
"""


def test_a_406_imports_neither_pyarrow_nor_pandas() -> None:
    """pyarrow takes seconds to import."""
    lines = run("-c", NO_PYARROW).splitlines()
    assert [line.split()[0] for line in lines] == ["406"] * 3
    assert "application/x-parquet" in lines[0]
