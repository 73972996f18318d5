"""Whatever keeps a model from being served: its own message, a non-zero exit, and never a healthy /ping."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.server import Server


def failure(server: Server) -> str:
    """Start, follow /ping until the end, and give back stderr without the log's JSON lines."""
    with server:
        seen = set()
        while server.process.poll() is None:
            seen.add(server.ping())
        assert server.process.returncode in (2, 3), server.stderr
        assert 200 not in seen
        return "\n".join(line for line in server.stderr.splitlines() if not line.startswith("{"))


def start(folder: Path, model: str | None, **variables: Any) -> Server:
    return Server(folder, model, wait=False, MODEL_SERVER_WORKERS=2, **variables)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("no_predict", "it has no function predict()"),
        ("predict_takes_one_argument", "cannot be called with (model, data"),
        ("predict_is_no_function", "'predict' is a str, not a function"),
        ("is_not_python", "inference.py line 3: this is not valid Python"),
        ("imports_what_is_missing", "ModuleNotFoundError: No module named 'a_package_nobody_installed'"),
        ("load_raises", "FileNotFoundError: weights.bin is not in the model's folder"),
        ("load_exits", "SystemExit"),
    ],
)
def test_a_model_that_cannot_be_loaded_says_why_once(tmp_path: Path, model: str, message: str) -> None:
    text = failure(start(tmp_path, model))
    assert text.count(message) == 1, text


def test_the_users_own_import_error_keeps_its_traceback(tmp_path: Path) -> None:
    text = failure(start(tmp_path, "imports_what_is_missing"))
    assert 'inference.py", line 3' in text and "import a_package_nobody_installed" in text


def test_a_program_that_is_named_and_missing_says_where_it_was_looked_for(tmp_path: Path) -> None:
    text = failure(start(tmp_path, None, SAGEMAKER_PROGRAM="mine.py"))
    assert "SAGEMAKER_PROGRAM: there is no file 'mine.py' in " in text
    assert str(tmp_path / "ml" / "model" / "code") in text


def test_the_sample_without_a_trained_model_says_which_file_is_missing(tmp_path: Path) -> None:
    assert "model.skops" in failure(start(tmp_path, None))
