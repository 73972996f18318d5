"""AWS's sagemaker-training toolkit, the real one, as the `train` of a folder: in a job, and checked."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import venv
from dataclasses import replace
from pathlib import Path

import pytest

from longshore.check.options import Options
from longshore.check.rule import Status
from longshore.check.rules import RULES
from longshore.check.runner import run
from longshore.check.session import Session
from longshore.engines.host import HostEngine
from tests.support.archives import tar_of
from tests.support.checks import statuses
from tests.support.emulator import EmulatorProcess
from tests.support.jobs import TRAINING_LOGS, train
from tests.support.wheels import make_wheel

_SCRIPT = """
import os, socket, sys
import required_by_script
print("seen", socket.gethostname(), os.environ["SM_HOSTS"], required_by_script.VERSION, sys.argv[1:])
with open(os.environ["SM_MODEL_DIR"] + "/model.txt", "a") as model:
    model.write(socket.gethostname())
"""


@pytest.fixture(scope="module")
def toolkit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtualenv's folder of scripts, with the toolkit's `train`. Its other packages are this one's."""
    if not HostEngine().has_namespaces():
        pytest.skip("no namespaces here, and the toolkit waits for its host names")
    folder = tmp_path_factory.mktemp("toolkit")
    venv.create(folder, symlinks=True)
    packages = next(folder.glob("lib/python3*/site-packages"))
    (packages / "of_test.pth").write_text("\n".join(p for p in sys.path if p.endswith("site-packages")))
    install = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "sagemaker-training"]
    installed = subprocess.run(install, capture_output=True, text=True)
    if installed.returncode != 0:
        pytest.skip(f"sagemaker-training cannot be installed: {installed.stderr.splitlines()[-1]}")
    return folder / "bin"


def script(folder: Path) -> dict[str, bytes]:
    wheel = make_wheel(folder, "required_by_script")
    return {"train.py": _SCRIPT.encode(), "requirements.txt": f"{wheel}\n".encode()}


def test_a_job_with_several_instances_runs_a_script(
    toolkit: Path, emulator: EmulatorProcess, name: str, tmp_path: Path
) -> None:
    emulator.put(name, **{"sourcedir.tar.gz": gzip.compress(tar_of(script(tmp_path).items()))})
    hyperparameters = {
        "sagemaker_program": "train.py",
        "sagemaker_submit_directory": f"s3://{name}/sourcedir.tar.gz",
        "sagemaker_region": "us-east-1",
        "depth": 3,
    }
    train(
        emulator,
        name,
        "",
        AlgorithmSpecification={"TrainingImage": f"host:{toolkit}"},
        HyperParameters={key: json.dumps(value) for key, value in hyperparameters.items()},
        ResourceConfig={"InstanceCount": 2, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1},
    )
    job = emulator.ended("Training", name)
    lines = emulator.log_lines(TRAINING_LOGS, f"{name}/")
    assert job["TrainingJobStatus"] == "Completed", lines
    seen = sorted(line for stream in lines.values() for line in stream if line.startswith("seen "))
    assert seen == [
        f"seen {host} [\"algo-1\",\"algo-2\"] 1.0 ['--depth', '3']" for host in ("algo-1", "algo-2")
    ]
    assert not list(toolkit.parent.rglob("required_by_script*")), "installed for the job alone"


def test_its_check_does_not_wait_for_a_host_name(toolkit: Path, given: Options, tmp_path: Path) -> None:
    inputs = tmp_path / "input"
    for file, text in script(tmp_path).items():
        code = inputs / "data" / "code" / file
        code.parent.mkdir(parents=True, exist_ok=True)
        code.write_bytes(text)
    (inputs / "config").mkdir()
    (inputs / "config" / "inputdataconfig.json").write_text('{"code": {"TrainingInputMode": "File"}}')
    submitted = "/opt/ml/input/data/code"
    hyperparameters = {"sagemaker_program": "train.py", "sagemaker_submit_directory": submitted}
    (inputs / "config" / "hyperparameters.json").write_text(json.dumps(hyperparameters))
    environment = {"SAGEMAKER_REGION": "us-east-1"}
    told = replace(given, training=inputs, environment=environment, training_seconds=60)
    with Session(HostEngine(), f"host:{toolkit}", told) as session:
        results = run(session, [rule for rule in RULES if rule.id == "D1-trains"])
    assert set(statuses(results).values()) == {Status.PASSED}, results
