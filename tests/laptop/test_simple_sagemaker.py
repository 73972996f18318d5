"""simple-sagemaker's command line, unchanged, in what it takes for one of AWS's framework images.

That image's name is the whole machine's: where somebody else has one of this name the tests are skipped.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.laptop.test_emulator_page import PAGE
from tests.support import clients, docker, pages
from tests.support.emulator import JOBS, EmulatorProcess

_MISSING = docker.missing()
pytestmark = pytest.mark.skipif(_MISSING is not None, reason=f"Docker: {_MISSING}")

_TITLE = "simple-sagemaker, from its command line"
_FRAMEWORK = "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-training:1.6.0-cpu-py3"
_LABEL = "longshore-test"  # of ours under that name, which a test that was killed may have left
_DOCKERFILE = f"""\
FROM {docker.BASE_IMAGE}
LABEL {_LABEL}=yes
COPY runs_a_script.py /usr/local/bin/
ENTRYPOINT ["runs_a_script.py"]
"""


@pytest.fixture(scope="module")
def runs_a_script(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An image that does what AWS's do; it may be tagged as one of them."""
    labels = docker.docker("image", "inspect", "--format", "{{.Config.Labels}}", _FRAMEWORK, check=False)
    if labels.returncode == 0 and _LABEL not in labels.stdout:
        pytest.skip(f"Docker has an image {_FRAMEWORK} that is not the tests'")
    context = tmp_path_factory.mktemp("image")
    shutil.copy(JOBS / "runs_a_script.py", context)
    (context / "Dockerfile").write_text(_DOCKERFILE)
    tag = f"longshore-test-scripts-{uuid.uuid4().hex[:8]}"
    built = docker.build(tag, context)
    assert built.returncode == 0, built.stderr
    yield tag
    docker.docker("rmi", "--force", _FRAMEWORK, check=False)  # not there where a test failed early
    docker.docker("rmi", "--force", tag)


def ssm(emulator: EmulatorProcess, requirements: str, command: str) -> str:
    """What a shell's command says that runs `ssm` and `aws`."""
    programs = [clients.python(each).parent for each in (requirements, clients.AWS_CLI)]
    return clients.run(emulator, ["bash", "-euc", command], *programs)


def test_the_walk_says_what_the_page_shows(
    emulator: EmulatorProcess, runs_a_script: str, tmp_path: Path
) -> None:
    blocks = pages.blocks(pages.section(PAGE, _TITLE))
    script = pages.script(blocks)
    assert "docker tag my-image " in script and "/tmp/flowers" in script
    script = script.replace("my-image", runs_a_script).replace("/tmp/flowers", str(tmp_path))
    said = ssm(emulator, clients.SSM, script).replace(str(tmp_path), "/tmp/flowers")
    pages.check(blocks, said)


def test_the_last_sdk_2_runs_a_task_too(emulator: EmulatorProcess, runs_a_script: str) -> None:
    docker.docker("tag", runs_a_script, _FRAMEWORK)
    emulator.put("ssm-last")
    task = "ssm run -p last -t count -b ssm-last -e tests/clients/script/counts_rows.py --column 3"
    said = ssm(emulator, clients.SDK_2, task)
    assert "--column 3: 0 rows" in said
