"""The checkout and examples/edges pass their own checker on this machine, with nothing failed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from longshore.check.options import Options
from longshore.check.payloads import JSON, Payload
from longshore.check.rule import Group, Status
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
