"""What `make demo` runs, on this machine."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from tests.support import sample
from tests.support.server import PATIENCE, environment


def run(checkout: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [checkout / "local_test" / "demo.sh"],
        cwd="/",
        env=environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


def test_the_demo_trains_serves_and_asks_and_leaves_nothing_running(tmp_path: Path) -> None:
    demo = run(sample.checkout(tmp_path))
    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert "validation:accuracy=" in demo.stdout
    assert "\nsetosa\nvirginica\nversicolor\n" in demo.stdout, "the answer to the CSV"
    assert '\n["setosa","virginica","versicolor"]\n' in demo.stdout, "the answer to the JSON"
    ended = re.search(r"\$ kill (\d+)\nserve ended with exit code 0\.", demo.stdout)
    assert ended
    assert not Path(f"/proc/{ended[1]}").exists()


def test_a_model_that_fails_the_demo_is_shown_with_the_log_that_says_how(tmp_path: Path) -> None:
    checkout = sample.checkout(tmp_path)
    (checkout / "container" / "model.py").write_text(
        "def train(channels, hyperparameters, model_dir): (model_dir / 'weights').touch()\n"
        "def load(model_dir): return None\n"
        "def predict(model, data): raise RuntimeError('the reason')\n"
    )
    demo = run(checkout)
    assert demo.returncode == 1
    assert "the model did not answer local_test/payload.csv." in demo.stderr
    assert "RuntimeError: the reason" in demo.stderr
    log = re.search(r"which is kept in (\S+):", demo.stderr)
    assert log and "RuntimeError: the reason" in Path(log[1]).read_text()
    Path(log[1]).unlink()
