"""Before the first task and after the last: tarballs, folders, and faults told in plain words."""

from __future__ import annotations

import io
import json
import signal
import stat
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.programs import runs
from tests.support.s3 import S3Server
from tests.support.server import free_port, wait_until
from tests.support.tasks import INPUTS, KEY, OUTPUTS, is_empty, lines, serve, task, two_buckets

SETUP = "starts/1/.sagemaker_shim/runtime_setup_result.json"
TOLD = {"ALGORITHM_RUNTIME_OUTPUT_BUCKET_NAME": OUTPUTS, "ALGORITHM_RUNTIME_OUTPUT_PREFIX": "starts/1/"}


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with two_buckets(tmp_path_factory.mktemp("start")) as running:
        running.put(INPUTS, "model.tar.gz", tarball("w:gz", {"w/1.bin": b"weights", "top.txt": b"top"}))
        running.put(INPUTS, "truth.tar", tarball("w", {"only/this": b"truth"}))
        running.put(INPUTS, "broken.tar.gz", tarball("w:gz", {"a": b"a" * 1000})[:-20])
        yield running


def tarball(mode: str, files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:  # type: ignore[call-overload]
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return out.getvalue()


def told(s3: S3Server) -> dict[str, object] | None:
    """What is stored of how the start went; it is taken away, for the next test."""
    content = s3.get(OUTPUTS, SETUP)
    if content is None:
        return None
    s3.client.delete_object(Bucket=OUTPUTS, Key=SETUP)
    return dict(json.loads(content))


def test_tarballs_are_unpacked_before_it_is_ready_and_taken_away_at_the_end(
    s3: S3Server, tmp_path: Path
) -> None:
    model, truth, open_to_all = tmp_path / "model", tmp_path / "truth", tmp_path / "deep" / "open"
    cleaned = tmp_path / "cleaned"
    cleaned.mkdir()
    (cleaned / "left").write_text("left")
    variables = {
        "GRAND_CHALLENGE_COMPONENT_MODEL": f"s3://{INPUTS}/model.tar.gz",
        "GRAND_CHALLENGE_COMPONENT_MODEL_DEST": str(model),
        "ALGORITHM_GROUND_TRUTH": f"s3://{INPUTS}/truth.tar",
        "ALGORITHM_GROUND_TRUTH_DEST": str(truth),
        "ALGORITHM_WRITABLE_DIRECTORIES": f"{open_to_all}:{model}",
        "ALGORITHM_POST_CLEAN_DIRECTORIES": str(cleaned),
        "ALGORITHM_SIGNING_KEY_HEX": KEY,
    }
    with serve(tmp_path / "server", s3, True, **variables, **TOLD) as server:
        assert stat.S_IMODE(open_to_all.stat().st_mode) == 0o777
        assert {path.name: path.read_bytes() for path in model.rglob("*") if path.is_file()} == {
            "1.bin": b"weights",
            "top.txt": b"top",
        }
        assert (truth / "only" / "this").read_bytes() == b"truth", "a folder that all share stays"
        assert s3.client.head_object(Bucket=OUTPUTS, Key=SETUP)["Metadata"]
        done = told(s3)
        assert done is not None
        assert (done["return_code"], done["user_safe_error_message"]) == (0, "")
        answer = server.post(task(s3, "reads-the-model", f"cp '{model}/w/1.bin' $ALGORITHM_OUTPUT/"))
        assert answer.json()["reason"] == "ok"
        assert s3.get(OUTPUTS, "reads-the-model/1.bin") == b"weights"
        assert (cleaned / "left").exists()
        server.process.send_signal(signal.SIGTERM)
        assert server.wait_exit() == 0
    assert all(map(is_empty, (model, truth, cleaned, tmp_path / "server" / "work")))


FAULTS: dict[str, tuple[dict[str, str], str]] = {
    "a missing program": (
        {"ALGORITHM_COMMAND": '["no-such-program", "{input}"]'},
        "ALGORITHM_COMMAND: there is no program 'no-such-program'. Copy the program into the image, or"
        " name it by its whole path.",
    ),
    "a missing tarball": (
        {"ALGORITHM_MODEL": f"s3://{INPUTS}/no-such.tar.gz"},
        "ALGORITHM_MODEL: Input 'no-such.tar.gz': there is no object 'no-such.tar.gz' in bucket 'inputs'.",
    ),
    "a broken tarball": (
        {"GRAND_CHALLENGE_COMPONENT_GROUND_TRUTH": f"s3://{INPUTS}/broken.tar.gz"},
        "ALGORITHM_GROUND_TRUTH: ",
    ),
    "a folder that cannot be": (
        {"ALGORITHM_MODEL": f"s3://{INPUTS}/truth.tar", "ALGORITHM_MODEL_DEST": "/dev/null/x"},
        "ALGORITHM_MODEL: /dev/null/x cannot be filled: Not a directory.",
    ),
    "a program that is never healthy": (
        {"ALGORITHM_API_METHOD": "invoke", "ALGORITHM_COMMAND": "echo why not >&2; exit 3"},
        "ALGORITHM_API_METHOD=invoke: The program ended with code 3 before GET /health was answered",
    ),
}


@pytest.mark.parametrize("what", FAULTS)
def test_a_fault_at_the_start_ends_serve_with_code_3_and_is_stored(
    s3: S3Server, tmp_path: Path, what: str
) -> None:
    variables, message = FAULTS[what]
    targets = {"ALGORITHM_MODEL_DEST": f"{tmp_path}/m", "ALGORITHM_GROUND_TRUTH_DEST": f"{tmp_path}/t"}
    if "ALGORITHM_API_METHOD" in variables:
        targets |= {"ALGORITHM_INPUT_PATH": f"{tmp_path}/in", "ALGORITHM_OUTPUT_PATH": f"{tmp_path}/out"}
    port = {"ALGORITHM_WEBSERVER_PORT": str(free_port())}
    with serve(tmp_path / "server", s3, False, **{**targets, **port, **variables, **TOLD}) as server:
        assert server.wait_exit() == 3
        (line,) = (line for line in server.stderr.splitlines() if not line.startswith("{"))
        assert line.startswith(message)
        assert "Traceback" not in server.stderr
    stored = told(s3)
    assert stored is not None
    assert stored["return_code"] == 1
    sentence = str(stored["user_safe_error_message"])
    assert sentence
    assert sentence in line
    if "ALGORITHM_API_METHOD" in variables:
        assert "why not" in [line.get("message") for line in server.log()]


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"ALGORITHM_COMMAND": '["'}, "ALGORITHM_COMMAND: '[\"' begins like a JSON list"),
        ({"ALGORITHM_USER": "no-such-user"}, "ALGORITHM_USER: there is no user 'no-such-user'"),
        (
            {"ALGORITHM_WORK_DIR": "/dev/null/x"},
            "ALGORITHM_WORK_DIR: /dev/null/x cannot be made: Not a directory.",
        ),
    ],
)
def test_a_setting_that_cannot_be_ends_serve_with_code_3_and_one_line_that_names_it(
    s3: S3Server, tmp_path: Path, variables: dict[str, str], message: str
) -> None:
    with serve(tmp_path / "server", s3, False, **variables) as server:
        assert server.wait_exit() == 3
        (line,) = (line for line in server.stderr.splitlines() if not line.startswith("{"))
        assert line.startswith(message)
        assert "Traceback" not in server.stderr


def test_a_result_of_the_start_that_cannot_be_stored_keeps_nobody_from_serving(
    s3: S3Server, tmp_path: Path
) -> None:
    nowhere = {**TOLD, "ALGORITHM_RUNTIME_OUTPUT_BUCKET_NAME": "no-such-bucket"}
    with serve(tmp_path / "server", s3, True, **nowhere) as server:
        assert server.post(task(s3, "all-the-same")).json()["reason"] == "ok"
        (said,) = (line for line in server.log() if "the result of the start" in line["message"])
        assert said["level"] == "ERROR"


def test_at_SIGTERM_a_start_is_given_up_and_the_program_with_it(s3: S3Server, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    never = {"ALGORITHM_API_METHOD": "invoke", "ALGORITHM_COMMAND": f"echo $$ > '{pid}'; exec sleep 300"}
    never |= {"ALGORITHM_INPUT_PATH": f"{tmp_path}/in", "ALGORITHM_OUTPUT_PATH": f"{tmp_path}/out"}
    with serve(tmp_path / "server", s3, False, **never, ALGORITHM_WEBSERVER_PORT=free_port()) as server:
        wait_until(lambda: lines(pid), "the program's start")
        server.process.send_signal(signal.SIGTERM)
        assert server.wait_exit() == 0
        assert not runs(int(pid.read_text()))
