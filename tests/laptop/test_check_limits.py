"""Jobs that do not end: the check has a limit, names it, and says meanwhile what it waits for."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from longshore.check.options import Options
from longshore.check.rule import Group, Status
from longshore.check.rules import RULES
from longshore.check.runner import run
from longshore.check.session import Session
from longshore.engines.docker import DockerEngine
from longshore.engines.host import HostEngine
from tests.laptop.test_check_command import run as run_command
from tests.support import docker
from tests.support.checks import CONTAINERS, check, options, statuses
from tests.support.engines import BUSYBOX

JOBS = tuple(rule for rule in RULES if rule.group in (Group.TRAINING, Group.PROCESSING))


def test_a_job_that_does_not_end_is_ended_at_the_limit(tmp_path: Path) -> None:
    given = options(tmp_path)
    assert given.model is not None and given.training is not None
    code, out, err = run_command(
        CONTAINERS / "never_ends.py",
        *("--model", given.model, "--training", given.training, "--only", "training"),
        *("--training-seconds", "7", "--json", "-"),
    )
    assert code == 0
    found = {rule["id"]: rule for rule in json.loads(out)["rules"]}
    failure = found["D1-trains"]
    assert (failure["status"], failure["severity"]) == ("failed", "warning")
    assert "it did not end within 7 s (--training-seconds)" in failure["evidence"]
    assert "looking for algo-17" in failure["evidence"]
    assert {rule["status"] for rule in found.values()} <= {"failed", "not tried"}
    (line,) = [line for line in err.splitlines() if "train" in line]
    assert line.startswith("Waiting for `train` to end: ")
    assert line.endswith(" s so far, at most 7 s (--training-seconds); its last line: looking for algo-17")


def test_a_host_name_that_a_job_waits_for_resolves(given: Options) -> None:
    if not HostEngine().has_namespaces():
        pytest.skip("no namespaces here")
    found = statuses(check("waits_for_its_name", replace(given, training_seconds=60), JOBS))
    assert Status.FAILED not in found.values(), found
    assert found["D1-trains"] is found["D4-host-names"] is Status.PASSED


TRAIN = """#!/bin/sh
name=$(sed -n 's/.*"current_host": *"\\([^"]*\\)".*/\\1/p' /opt/ml/input/config/resourceconfig.json)
[ "$(hostname)" = "$name" ] || exit 3
until ping -c 1 -w 1 "$name" > /dev/null; do sleep 0.1; done
echo '{"weight": 2}' > /opt/ml/model/model.json
"""


def test_a_host_name_that_a_job_waits_for_resolves_in_docker(
    docker_engine: DockerEngine, given: Options, tmp_path: Path
) -> None:
    (tmp_path / "train").write_text(TRAIN)
    (tmp_path / "train").chmod(0o755)
    (tmp_path / "Dockerfile").write_text(f'FROM {BUSYBOX}\nCOPY train /bin/train\nCMD ["train"]\n')
    image = f"longshore-test-host-name-{tmp_path.parent.name}"
    assert docker.build(image, tmp_path).returncode == 0
    try:
        with Session(docker_engine, image, replace(given, training_seconds=30)) as session:
            wanted = [rule for rule in RULES if rule.id in ("D1-trains", "D4-host-names")]
            results = run(session, wanted)
    finally:
        docker.docker("rmi", "--force", image)
    assert set(statuses(results).values()) == {Status.PASSED}, results
