"""`longshore check` as it is called: what it prints and writes, its exit codes, and what it leaves behind."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from longshore.check.command import find
from longshore.check.rules import RULES
from longshore.check.session import Session
from tests.support.checks import CONTAINERS, PAYLOAD, options
from tests.support.server import CHECKOUT, PATIENCE, environment, wait_until
from tests.support.signals import signal_to_a_thread

WELL_BEHAVED = str(CONTAINERS / "well_behaved.py")


def start(*arguments: str | Path, stdout: int = subprocess.PIPE, **variables: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "longshore", "check", *map(str, arguments)],
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(**variables),
        cwd=CHECKOUT,
    )


def run(*arguments: str | Path, **variables: str) -> tuple[int, str, str]:
    with start(*arguments, stdout=subprocess.PIPE, **variables) as process:
        out, err = process.communicate(timeout=PATIENCE)
    return process.returncode, out, err


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The options for the small containers."""
    folder = tmp_path_factory.mktemp("check")
    options(folder)
    (folder / "payload.csv").write_bytes(PAYLOAD.body)
    told = {"payload": folder / "payload.csv", "model": folder / "model", "training": folder / "input"}
    return [text for name, path in told.items() for text in (f"--{name}", str(path))]


def test_the_report_has_groups_evidence_and_remedies_and_a_line_that_sums_up(given: list[str]) -> None:
    code, out, err = run(CONTAINERS / "answers_with_pages.py", *given, "--only", "requests")
    assert (code, err) == (0, "")  # a warning is no error
    lines = out.splitlines()
    assert "requests" in lines
    failed = next(n for n, line in enumerate(lines) if "A16-no-html" in line)
    assert lines[failed].split()[0] == "warning"
    assert "POST /invocations" in lines[failed + 1]
    assert any(line.strip().startswith("→ Answer with plain text") for line in lines[failed + 2 : failed + 4])
    assert "1 warning failed" in lines[-2]
    assert "warning: A16-no-html" in lines
    assert not [line for line in lines if line != line.rstrip()]


def test_an_error_that_failed_is_exit_code_1_in_all_three_reports(given: list[str], tmp_path: Path) -> None:
    junit = tmp_path / "report.xml"
    asked = ("--only", "C1", "--only", "A8", "--skip", "A8-post", "--json", "-", "--junit", junit)
    code, out, _ = run(CONTAINERS / "promises_more_than_it_takes.py", *given, *asked)
    report = json.loads(out)
    assert code == report["exit_code"] == 1
    by_id = {rule["id"]: rule for rule in report["rules"]}
    assert by_id.keys() == {r.id for r in RULES if r.number in ("C1", "A8") and r.id != "A8-post"}
    assert by_id["C1-keeps-its-word"]["status"] == "failed"
    assert by_id["C1-keeps-its-word"]["remedy"]
    assert report["counts"]["failed"] == 1
    suites = ElementTree.parse(junit).getroot()
    assert sum(int(suite.get("tests", 0)) for suite in suites) == len(by_id)
    (failure,) = suites.iter("failure")
    assert "413" in failure.get("message", "")


def test_what_fails_on_malformed_data_alone_is_a_warning(given: list[str]) -> None:
    code, out, _ = run(CONTAINERS / "fails_at_malformed_csv.py", *given, "--only", "A16")
    assert code == 0
    assert "warning: A16-malformed-csv" in out.splitlines()
    assert not [line for line in out.splitlines() if line.split()[:1] == ["error"]]


def test_list_prints_every_rule_and_needs_no_target() -> None:
    code, out, _ = run("--list")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()[1:]] == [rule.id for rule in RULES]
    code, out, _ = run("--list", "--only", "stop")
    assert [line.split()[0][:2] for line in out.splitlines()[1:]] == ["A3"] * 5


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ((), 2, "name what to check"),
        ((WELL_BEHAVED, "--only", "A3-drain"), 2, "Perhaps A3-drains"),
        ((WELL_BEHAVED, "--skip", "nothing-like-it-at-all"), 2, "--list has all of them"),
        ((WELL_BEHAVED, "--content-type", "text/csv"), 2, "give both"),
        ((WELL_BEHAVED, "--env", "NAME"), 2, "NAME=VALUE"),
        ((WELL_BEHAVED, "--payload", "/no/such/file"), 2, "does not exist"),
        ((WELL_BEHAVED, "--json", "-", "--junit", "-"), 2, "name a file for one"),
        ((WELL_BEHAVED, "--model", __file__), 2, "it cannot be unpacked: file could not be opened"),
        ((WELL_BEHAVED, "--training", CONTAINERS), 2, "has no folder for a channel"),
        ((WELL_BEHAVED, "--training", CONTAINERS), 2, "DIR/data/CHANNEL/FILE"),
        (("",), 2, "name what to check"),
        (("host:/no/such/folder",), 3, "there is no such file or folder"),
        (("/no/such/folder",), 3, "/no/such/folder: there is no such file or folder"),
        ((CONTAINERS,), 3, "it is neither a folder with `serve`"),
        (("longshore-no-such-image",), 3, "There is no file or folder of this name, either."),
        (("docs",), 3, "What lies at ./docs has nothing to run, either."),
        (("http://127.0.0.1:9/",), 3, "nobody answers there: GET /ping → the connection was refused"),
        (("http:///",), 2, "it names no host"),
        (("http://127.0.0.1:port/",), 2, "Give it as http://HOST:PORT"),
        (("ftp://127.0.0.1/",), 2, "ftp is neither http nor https"),
    ],
)
def test_what_cannot_be_run_is_said(arguments: tuple[str, ...], code: int, said: str) -> None:
    found, _, err = run(*arguments)
    assert found == code, err
    assert said in err
    assert "Traceback" not in err


@pytest.mark.parametrize("option", ["--json", "--junit"])
def test_a_report_that_cannot_be_written_is_said_before_the_check(option: str, tmp_path: Path) -> None:
    code, out, err = run(WELL_BEHAVED, "--only", "A1", option, tmp_path / "no" / "such")
    assert (code, out) == (2, "")
    assert "cannot be written" in err


def test_without_an_engine_that_is_said(tmp_path: Path) -> None:
    code, _, err = run("some-image", DOCKER_HOST=f"unix://{tmp_path}/no.sock")
    assert code == 3
    assert "the Docker engine does not answer" in err
    assert "There is no file or folder of this name, either." in err


def test_why_a_container_does_not_start_is_said_in_full_once(given: list[str]) -> None:
    asked = ("--only", "health", "--only", "requests")
    code, out, _ = run(CONTAINERS / "never_loads.py", *given, *asked)
    assert code == 3
    told = " ".join(out.split())
    assert told.count("the container does not start, see A9-starts") > 1
    assert told.count("ended by itself with exit code") == 1


def test_without_a_model_that_is_said_first_and_nothing_is_blamed() -> None:
    code, out, err = run(WELL_BEHAVED, "--skip", "training")
    assert code == 3
    assert "/opt/ml/model is empty: give a model with --model DIR" in err
    assert "Rules that need one are not tried" in err
    assert not [line for line in out.splitlines() if line.split()[:1] == ["error"]]
    assert "not tried" in next(line for line in out.splitlines() if "A9-starts" in line)


@pytest.mark.parametrize("made", ["channel/rows.csv", "data/channel/rows.csv"])
def test_a_folder_of_channels_is_training_data(made: str, tmp_path: Path) -> None:
    file = tmp_path / "given" / made.replace("channel", "training")
    file.parent.mkdir(parents=True)
    file.write_text("1,2\n")
    some = ("--only", "D1-trains", "--only", "D7-missing-channel")
    code, out, _ = run(WELL_BEHAVED, "--training", tmp_path / "given", *some, "--json", "-")
    assert code == 0
    found = {rule["id"]: rule for rule in json.loads(out)["rules"]}
    assert found["D1-trains"]["status"] == "passed"
    assert found["D7-missing-channel"]["status"] == "passed", found["D7-missing-channel"]


def test_a_narrow_terminal_loses_nothing(given: list[str]) -> None:
    ours, its = os.openpty()
    narrow = CONTAINERS / "takes_5_mb.py"
    with start(narrow, *given, "--only", "A12", stdout=its, COLUMNS="60", TERM="xterm") as process:
        os.close(its)
        out = b""
        with contextlib.suppress(OSError):  # the terminal's end
            while part := os.read(ours, 65536):
                out += part
    os.close(ours)
    assert process.returncode == 1
    text = re.sub(r"\x1b\[[0-9;]*m", "", out.decode())
    assert max(map(len, text.splitlines())) <= 60
    assert (
        "Raise the limit, for example client_max_body_size in nginx, max_request_size in multi-model-server."
        in " ".join(text.split())
    )


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """A container that somebody else has started."""
    engine, name = find(WELL_BEHAVED)
    with Session(engine, name, options(tmp_path)) as session:
        address = session.client.address
        yield f"http://{address.host}:{address.port}"


def test_of_a_url_what_http_shows_is_tried(url: str, given: list[str]) -> None:
    code, out, _ = run(url, *given[:2], "--json", "-")
    assert code == 0
    rules = {rule["id"]: rule for rule in json.loads(out)["rules"]}
    assert [rule["id"] for rule in rules.values() if rule["status"] == "failed"] == []
    for rule in RULES:
        if rule.needs == "image":
            assert rules[rule.id]["status"] == "not tried"
            assert "needs an image or a path" in rules[rule.id]["evidence"]
        elif rule.group.value in ("health", "requests") and rule.id != "A14-inference-id":
            assert rules[rule.id]["status"] == "passed", rules[rule.id]


def test_without_a_payload_one_is_guessed(url: str) -> None:
    code, out, _ = run(url, "--only", "A11-answers", "--json", "-")
    assert code == 0
    assert "a guess" in json.loads(out)["rules"][0]["evidence"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("thread", [0, -1], ids=["main thread", "another thread"])
def test_interrupted_it_leaves_no_process_and_no_folder(
    number: signal.Signals, thread: int, given: list[str], tmp_path: Path
) -> None:
    slow = tmp_path / "slow"
    slow.write_text('#!/bin/sh\necho $$ >>"$PIDS"\nexec sleep 1000\n')
    slow.chmod(0o755)
    pids = tmp_path / "pids"
    pids.touch(mode=0o666)
    temporary = tmp_path / "tmp"  # its own: other tests check at the same time
    temporary.mkdir()
    with start(slow, *given, "--env", f"PIDS={pids}", TMPDIR=str(temporary)) as process:
        wait_until(pids.read_text, "a container")
        signal_to_a_thread(process.pid, thread, number)
        try:
            out, err = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
    assert process.returncode == 130
    assert "interrupted" in err
    assert out == ""
    assert not [pid for pid in pids.read_text().split() if Path(f"/proc/{pid}").exists()]
    assert list(temporary.iterdir()) == []
