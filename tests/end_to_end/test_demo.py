"""What `make demo` runs, on this machine."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from tests.support import sample
from tests.support.server import PATIENCE, environment


def test_the_demo_trains_serves_and_asks_and_leaves_nothing_running(tmp_path: Path) -> None:
    sample.checkout(tmp_path)
    demo = subprocess.run(
        [tmp_path / "local_test" / "demo.sh"],
        cwd="/",
        env=environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert "validation:accuracy=" in demo.stdout
    assert "\nsetosa\nvirginica\nversicolor\n" in demo.stdout, "the answer to the CSV"
    assert '\n["setosa","virginica","versicolor"]\n' in demo.stdout, "the answer to the JSON"
    ended = re.search(r"\$ kill (\d+)\nserve ended with exit code 0\.", demo.stdout)
    assert ended
    assert not Path(f"/proc/{ended[1]}").exists()
