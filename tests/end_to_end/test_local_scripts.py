"""local_test's scripts with an image: train, serve and ask, as the README shows."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support import sample
from tests.support.server import PATIENCE, free_port, wait_until


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    """local_test in a folder of its own, so that the checkout's stays as it is."""
    return sample.local_test(tmp_path / "local_test")


def run(script: Path, *arguments: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a script from another folder than its own."""
    return subprocess.run(
        [script, *map(str, arguments)],
        cwd="/",
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


def test_train_then_serve_then_predict_in_an_image(image: str, scripts: Path) -> None:
    trained = run(scripts / "train_local.sh", image)
    assert trained.returncode == 0, trained.stderr
    assert (scripts / "test_dir" / "model" / "model.skops").is_file()

    port = str(free_port())
    serve = subprocess.Popen(
        [scripts / "serve_local.sh", image],
        cwd="/",
        env=os.environ | {"PORT": port},
        stderr=subprocess.DEVNULL,
    )
    try:

        def answered() -> str | None:
            assert serve.poll() is None, "serve_local.sh ended"
            asked = run(scripts / "predict.sh", scripts / "payload.csv", PORT=port)
            return asked.stdout if asked.returncode == 0 else None

        as_csv = wait_until(answered, "an answer to predict.sh")
        as_json = run(scripts / "predict.sh", scripts / "payload.json", "application/json", PORT=port)
        assert "setosa" in as_csv
        assert "setosa" in as_json.stdout
    finally:
        serve.send_signal(signal.SIGINT)
        assert serve.wait(PATIENCE) == 0


def test_an_image_that_is_not_there_is_named(base_image: str, scripts: Path) -> None:
    for script in ("train_local.sh", "serve_local.sh"):
        (scripts / "test_dir" / "model" / "model.skops").touch()
        asked = run(scripts / script, "no-such-image-here")
        assert asked.returncode != 0
        assert "there is no image 'no-such-image-here' here" in asked.stderr
