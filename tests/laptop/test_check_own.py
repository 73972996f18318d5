"""The checkout and examples/edges pass their own checker on this machine, with nothing failed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from longshore.check.options import Options
from longshore.check.payloads import JSON, Payload
from longshore.check.rule import Group, Severity, Status
from longshore.check.rules import RULES
from longshore.check.runner import Result, run
from longshore.check.session import Session
from longshore.engines.base import HOST_PREFIX
from longshore.engines.choose import choose
from tests.support import sample
from tests.support.checks import failed
from tests.support.edges import PORTRAIT, compiled
from tests.support.s3 import S3Server
from tests.support.tasks import AS_OURSELVES


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The template as it is shipped."""
    return f"{HOST_PREFIX}{sample.checkout(tmp_path_factory.mktemp('shipped'))}"


def check(image: str, options: Options, *without: Group) -> list[Result]:
    with Session(choose(image), image, options) as session:
        return run(session, [rule for rule in RULES if rule.group not in without])


def not_tried(results: list[Result]) -> dict[str, str]:
    return {r.rule.id: r.outcome.evidence for r in results if r.outcome.status is Status.NOT_TRIED}


def test_the_checkout_passes(image: str) -> None:
    results = check(image, Options())
    assert failed(results) == {}
    only_in_an_image = {"A4-any-user", "A4-read-only-root", "A5-no-network"}
    # It refuses hyperparameters it does not know, and may be done before it can be stopped.
    of_the_sample = {"D2-odd-values", "D7-killed", "D8-stops-in-time"}
    assert not_tried(results).keys() <= only_in_an_image | of_the_sample


# Passes unknown hyperparameters to a library that refuses some values, as LightGBM does. Does not catch what
# a prediction raises.
CARELESS = """
import json


def fit(**parameters):
    for name, value in parameters.items():
        if not isinstance(value, (str, int, float)):
            raise TypeError(f"Unknown type of parameter:{name}, got:{type(value).__name__}")


def train(channels, hyperparameters, model_dir):
    fit(**hyperparameters)
    (model_dir / "model.json").write_text(json.dumps({"weight": 2}))


def load(model_dir):
    return json.loads((model_dir / "model.json").read_text())["weight"]


def predict(model, data):
    return [sum(row) * model for row in data] if data[0][0] is not None else []
"""


@pytest.fixture(scope="module")
def careless(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    folder = sample.checkout(tmp_path_factory.mktemp("careless"))
    (folder / "container" / "model.py").write_text(CARELESS)
    image = f"{HOST_PREFIX}{folder}"
    some = [rule for rule in RULES if rule.id == "D2-odd-values" or rule.number == "A16"]
    with Session(choose(image), image, Options(payload=Payload(b"[[1, 2]]", JSON, "a test"))) as session:
        return {result.rule.id: result for result in run(session, some)}


def test_a_library_that_refuses_hyperparameters_is_not_blamed(careless: dict[str, Result]) -> None:
    outcome = careless["D2-odd-values"].outcome
    assert outcome.status is Status.NOT_TRIED, outcome
    assert "Unknown type of parameter:longshore_check_json" in outcome.evidence


def test_a_failure_at_null_is_a_warning_with_the_way_to_refuse_it(careless: dict[str, Result]) -> None:
    result = careless["A16-malformed-json"]
    assert result.severity is Severity.WARNING
    assert result.outcome.status is Status.FAILED
    assert "raise ValueError(" in result.outcome.remedy


@pytest.fixture
def task(tmp_path: Path) -> Iterator[tuple[dict[str, str], Payload]]:
    """The variables of examples/edges' image, and a task for it."""
    with S3Server(tmp_path / "s3") as s3:
        for bucket in ("uploads", "results"):
            s3.make_bucket(bucket)
        s3.put("uploads", "portrait.pgm", PORTRAIT.read_bytes())
        inputs = [{"relative_path": "scan.pgm", "bucket_name": "uploads", "bucket_key": "portrait.pgm"}]
        asked = {"pk": "check", "inputs": inputs, "output_bucket_name": "results", "output_prefix": "check/"}
        variables = {
            "ALGORITHM_COMMAND": json.dumps([str(compiled(tmp_path)), "{input}", "{output}"]),
            "ALGORITHM_CONCURRENCY": "2",
            **AS_OURSELVES,
            **s3.environment(),
        }
        yield variables, Payload(json.dumps(asked).encode(), JSON, "a test")


def test_the_example_passes(image: str, task: tuple[dict[str, str], Payload]) -> None:
    variables, payload = task
    results = check(image, Options(payload=payload, environment=variables), Group.TRAINING, Group.PROCESSING)
    assert failed(results) == {}
