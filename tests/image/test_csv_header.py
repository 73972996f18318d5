"""Who decides whether the first row of CSV is a header, and what is logged about a guess."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.server import Server, wait_until

NAMED = "a,b\n1,2\n3,4\n"
RED = "red,\nblue,3\ngreen,4\n"
ABSENT, PRESENT = "MODEL_SERVER_CSV_HEADER absent", "MODEL_SERVER_CSV_HEADER present"


def records(server: Server, body: str, content_type: str = "text/csv") -> int:
    """How many rows the model got."""
    answer = server.post(body, content_type, Accept="application/json")
    assert answer.status_code == 200, answer.text
    return len(answer.json()["rows"])


@pytest.mark.parametrize(
    ("model", "variables", "named", "red"),
    [
        ("describe", {}, 2, 3),
        ("describe", {"SAGEMAKER_BATCH": "true"}, 3, 3),
        ("describe", {"SAGEMAKER_BATCH": "True"}, 3, 3),
        ("describe", {"SAGEMAKER_BATCH": ""}, 2, 3),
        ("describe", {"SAGEMAKER_BATCH": "true", "MODEL_SERVER_CSV_HEADER": "guess"}, 2, 3),
        ("describe", {"MODEL_SERVER_CSV_HEADER": "absent"}, 3, 3),
        ("describe", {"MODEL_SERVER_CSV_HEADER": "True"}, 2, 2),
        ("csv_header_present", {}, 2, 2),
        ("csv_header_present", {"SAGEMAKER_BATCH": "true"}, 3, 3),
        ("csv_header_present", {"SAGEMAKER_BATCH": "true", "MODEL_SERVER_CSV_HEADER": "present"}, 2, 2),
        ("csv_header_present", {"MODEL_SERVER_CSV_HEADER": "false"}, 3, 3),
    ],
)
def test_the_request_decides_then_the_variable_then_the_model_file(
    tmp_path: Path, model: str, variables: dict[str, Any], named: int, red: int
) -> None:
    with Server(tmp_path, model, MODEL_SERVER_WORKERS=1, **variables) as server:
        assert (records(server, NAMED), records(server, RED)) == (named, red)
        for word in ("present", "true"):
            assert records(server, RED, f"text/csv; header={word}") == 2
        for word in ("absent", "False"):
            assert records(server, NAMED, f"text/csv; header={word}") == 3


def test_the_model_file_gives_no_header_to_the_requests_of_a_batch_and_says_so(tmp_path: Path) -> None:
    """A file split into lines has its header in the first request only."""
    with Server(tmp_path, "csv_header_present", MODEL_SERVER_WORKERS=2, SAGEMAKER_BATCH="true") as server:
        assert records(server, "Invoice,refund\nQuote,seats\nCrash,error\n") == 3
        (line,) = (line["message"] for line in server.log() if "csv_header = True" in line["message"])
    assert "MODEL_SERVER_CSV_HEADER=present" in line


def test_a_script_of_a_toolkit_without_input_fn_gets_csv_by_the_same_rule(tmp_path: Path) -> None:
    variables: dict[str, Any] = {"MODEL_SERVER_CSV_HEADER": "present", "MODEL_SERVER_WORKERS": 1}
    with Server(tmp_path, "sagemaker_model_fn_only", **variables) as server:
        answer = server.post("1,2\n3,4\n", "text/csv", Accept="application/json")
        assert answer.json() == [[6, 8]]


def test_the_first_guess_of_a_header_is_one_line_of_the_log(tmp_path: Path) -> None:
    with Server(tmp_path, "describe", MODEL_SERVER_WORKERS=2) as server:
        for _ in range(3):
            assert records(server, RED) == 3
        assert "guessed" not in server.stderr
        seen = set()

        def both_guessed() -> bool:
            seen.add(server.post(NAMED, "text/csv", Accept="application/json").json()["pid"])
            return len(seen) == 2

        wait_until(both_guessed, "a guess by each worker")
        (line,) = (line["message"] for line in server.log() if "guessed" in line["message"])
    assert "(a, b)" in line
    for name in ("csv_header", "MODEL_SERVER_CSV_HEADER", "header=present"):
        assert name in line


@pytest.mark.parametrize(
    ("model", "variables", "code", "what"),
    [
        (
            "describe",
            {"MODEL_SERVER_CSV_HEADER": "1"},
            2,
            "MODEL_SERVER_CSV_HEADER: '1' is not allowed. Give",
        ),
        ("describe", {"SAGEMAKER_BATCH": "1"}, 2, "SAGEMAKER_BATCH: '1' is not allowed. Give"),
        ("csv_header_is_text", {}, 3, "inference.py: 'yes' is not allowed. Make it True"),
    ],
)
def test_a_setting_of_the_header_that_is_none_ends_the_start(
    tmp_path: Path, model: str, variables: dict[str, Any], code: int, what: str
) -> None:
    with Server(tmp_path, model, wait=False, MODEL_SERVER_WORKERS=1, **variables) as server:
        server.wait_exit()
        assert what in server.stderr
