"""The checker on the small containers of tests/laptop/containers, each a program of this machine."""

from __future__ import annotations

import json
from pathlib import Path

from longshore.check.command import find
from longshore.check.options import Options
from longshore.check.payloads import CSV, Payload
from longshore.check.rule import Rule, Status
from longshore.check.rules import RULES
from longshore.check.runner import Result, run
from longshore.check.session import Session
from tests.support.server import CHECKOUT

CONTAINERS = CHECKOUT / "tests" / "laptop" / "containers"
# Its first half is valid, too.
PAYLOAD = Payload(b"10,20\n30,40\n", CSV, "a test")


def options(folder: Path) -> Options:
    """A model, training data and a payload for them; and less patience than SageMaker has."""
    model, inputs = folder / "model", folder / "input"
    if not model.exists():
        model.mkdir(parents=True)
        (model / "model.json").write_text('{"weight": 2}')
        (inputs / "config").mkdir(parents=True)
        (inputs / "data" / "training").mkdir(parents=True)
        (inputs / "data" / "training" / "rows.csv").write_text("1,2\n3,4\n")
        (inputs / "config" / "hyperparameters.json").write_text('{"weight": "2"}')
        channel = {"TrainingInputMode": "File", "S3DistributionType": "FullyReplicated"}
        (inputs / "config" / "inputdataconfig.json").write_text(json.dumps({"training": channel}))
    return Options(
        payload=PAYLOAD,
        model=model,
        training=inputs,
        start_seconds=20,
        patience=10,
        stop_seconds=5,
        training_stop_seconds=5,
        busy=0.2,
        settle=3,
    )


def check(name: str, given: Options, rules: tuple[Rule, ...] = RULES) -> list[Result]:
    """All results for a container of that folder."""
    engine, image = find(str(CONTAINERS / f"{name}.py"))
    with Session(engine, image, given) as session:
        return run(session, rules)


def failed(results: list[Result]) -> dict[str, str]:
    """The rules that failed, with their evidence."""
    return {r.rule.id: r.outcome.evidence for r in results if r.outcome.status is Status.FAILED}


def statuses(results: list[Result]) -> dict[str, Status]:
    return {result.rule.id: result.outcome.status for result in results}
