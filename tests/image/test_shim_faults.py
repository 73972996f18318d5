"""What sagemaker-shim does wrong, a test each: variables and requests are its own, the answers are not."""

from __future__ import annotations

import base64
import io
import json
import os
import signal
import sys
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.support.archives import tree
from tests.support.fault_proxy import Action, CutBody, FaultProxy, FlipAnswer, PassOn, Request, first
from tests.support.s3 import S3Server
from tests.support.server import CHECKOUT, Server, free_port, wait_until
from tests.support.tasks import INPUTS, OUTPUTS, an_input, serve, stored, task, two_buckets, waiting_for

PROGRAMS = CHECKOUT / "tests" / "algorithms"


def b64j(value: object) -> str:
    return base64.b64encode(json.dumps(value).encode()).decode()


def variables(folder: Path) -> dict[str, Any]:
    """What an image made for Grand Challenge has set; its program is the task's own script."""
    return {
        "GRAND_CHALLENGE_COMPONENT_CMD_B64J": b64j([str(folder / "input" / "program.sh")]),
        "GRAND_CHALLENGE_COMPONENT_ENTRYPOINT_B64J": b64j(["/bin/sh"]),
        "GRAND_CHALLENGE_COMPONENT_INPUT_PATH": folder / "input",
        "GRAND_CHALLENGE_COMPONENT_OUTPUT_PATH": folder / "output",
        "GRAND_CHALLENGE_COMPONENT_LINKED_INPUT_PARENT": folder / "linked",
    }


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with two_buckets(tmp_path_factory.mktemp("shim-s3")) as running:
        yield running


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made: Path = tmp_path_factory.mktemp("shim")
    (made / "elsewhere").mkdir()
    (made / "elsewhere" / "precious").write_text("not an output")
    return made


@pytest.fixture(scope="module")
def server(folder: Path, s3: S3Server) -> Iterator[Server]:
    with serve(folder, s3, **variables(folder), ALGORITHM_GRACE_SECONDS=1) as running:
        yield running


def result(server: Server, sent: dict[str, Any]) -> dict[str, Any]:
    response = server.post(sent)
    assert response.status_code == 200, response.text
    return dict(response.json())


def ended(pid: int) -> bool:
    """Whether this process is gone, or a zombie: where nobody is PID 1 for it, it may stay that."""
    try:
        return not Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:
        return True


@pytest.mark.parametrize("path", ["../x", "/abs", "a/../../x"])
def test_a_relative_path_that_leads_outside_is_refused(
    server: Server, s3: S3Server, folder: Path, path: str
) -> None:
    before = tree(folder / "elsewhere")
    sent = task(s3, "outside")
    sent["inputs"].append(an_input("outside/program.sh", path))
    answer = server.post(sent)
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith("inputs[1].relative_path: ")
    assert tree(folder / "elsewhere") == before
    assert not (folder / "x").exists() and not Path("/abs").exists()


def test_a_pk_is_no_path(server: Server, s3: S3Server, folder: Path) -> None:
    ours = {folder / name for name in ("input", "output", "linked", "work")}
    before = {*folder.iterdir(), *folder.parent.iterdir()}
    assert result(server, task(s3, "escapes", "true", pk="../../x"))["return_code"] == 0
    assert {*folder.iterdir(), *folder.parent.iterdir()} <= before | ours


def test_a_symlink_to_a_file_in_the_output_is_not_uploaded(
    server: Server, s3: S3Server, folder: Path
) -> None:
    script = f"ln -s {folder}/elsewhere/precious {folder}/output/link; echo yes > {folder}/output/real"
    assert [out["relative_path"] for out in result(server, task(s3, "link", script))["outputs"]] == ["real"]
    assert s3.get(OUTPUTS, "link/link") is None


def test_a_symlink_to_a_folder_in_the_output_is_not_emptied_and_the_next_request_works(
    server: Server, s3: S3Server, folder: Path
) -> None:
    script = f"ln -s {folder}/elsewhere {folder}/output/folder"
    assert result(server, task(s3, "folder", script))["outputs"] == []
    assert (folder / "elsewhere" / "precious").read_text() == "not an output"
    assert result(server, task(s3, "after-the-folder"))["return_code"] == 0


def test_a_missing_key_is_told_in_a_result_file(server: Server, s3: S3Server) -> None:
    sent = task(s3, "missing")
    sent["inputs"].append(an_input("nowhere", "file"))
    answer = result(server, sent)
    assert answer["return_code"] == 1
    assert (
        answer["user_safe_error_message"] == "Input 'file': there is no object 'nowhere' in bucket 'inputs'."
    )
    assert stored(s3, "missing") == answer


def test_a_broken_link_in_the_output_costs_nothing_but_itself(
    server: Server, s3: S3Server, folder: Path
) -> None:
    script = f"ln -s nowhere {folder}/output/broken; echo yes > {folder}/output/real"
    answer = result(server, task(s3, "broken-link", script))
    assert (answer["return_code"], len(answer["outputs"])) == (0, 1)
    assert stored(s3, "broken-link") == answer


def test_stdout_that_is_not_utf8_is_logged_and_the_task_ends_well(server: Server, s3: S3Server) -> None:
    answer = result(server, task(s3, "bytes", "printf 'caf\\351\\n'"))
    assert answer["return_code"] == 0 and stored(s3, "bytes") == answer
    said = [line["message"] for line in server.log() if line.get("task") == "bytes" and line.get("source")]
    assert said == ["caf\\xe9"]


def test_a_second_request_while_one_runs_is_told_to_come_again(
    server: Server, s3: S3Server, tmp_path: Path
) -> None:
    begun, go = tmp_path / "begun", tmp_path / "go"
    with ThreadPoolExecutor() as pool:
        one = pool.submit(server.post, task(s3, "first", f"touch {begun}\n{waiting_for(go)}"))
        wait_until(begun.exists, "the first task")
        second = server.post(task(s3, "second"))
        go.touch()
        assert one.result().json()["return_code"] == 0
    assert second.status_code == 503
    assert int(second.headers["Retry-After"]) > 0
    assert second.headers["Content-Type"] == "application/problem+json"


def test_without_a_timeout_in_the_request_a_program_ends_all_the_same(s3: S3Server, tmp_path: Path) -> None:
    with serve(
        tmp_path, s3, **variables(tmp_path), ALGORITHM_TIMEOUT_SECONDS=1, ALGORITHM_GRACE_SECONDS=0
    ) as server:
        sent = task(s3, "for-ever", "sleep 1000")
        assert "timeout" not in sent
        answer = result(server, sent)
    assert (answer["return_code"], answer["reason"]) == (1, "timeout")


def test_no_grandchild_survives_its_task(server: Server, s3: S3Server, tmp_path: Path) -> None:
    script = (
        f"sleep 1000 & echo $! > {tmp_path}/one\nsetsid sh -c 'echo $$ > {tmp_path}/two; exec sleep 1000' &\n"
    )
    script += f"while [ ! -s {tmp_path}/two ]; do sleep 0.02; done"
    assert result(server, task(s3, "grandchildren", script))["return_code"] == 0
    for file in ("one", "two"):
        assert ended(int((tmp_path / file).read_text()))


def test_a_timeout_ends_grandchildren_too(server: Server, s3: S3Server, tmp_path: Path) -> None:
    script = f"sh -c 'trap \"\" TERM; echo $$ > {tmp_path}/pid; while :; do sleep 0.1; done' & wait"
    answer = result(server, task(s3, "stubborn", script, timeout="PT1S"))
    assert answer["reason"] == "timeout"
    assert ended(int((tmp_path / "pid").read_text()))


def test_ping_does_not_say_healthy_of_a_program_that_has_died(s3: S3Server, tmp_path: Path) -> None:
    port = free_port()
    once = f"test -e {tmp_path}/died && exec sleep 1000; exec {sys.executable} {PROGRAMS}/web_works.py {port}"
    added: dict[str, Any] = {
        "GRAND_CHALLENGE_COMPONENT_CMD_B64J": b64j(["-c", once]),
        "GRAND_CHALLENGE_COMPONENT_API_METHOD": "invoke",
        "GRAND_CHALLENGE_COMPONENT_USER_WEBSERVER_PORT": port,
        "ALGORITHM_GRACE_SECONDS": 0,
    }
    with serve(tmp_path, s3, **variables(tmp_path) | added) as server:
        done = result(server, task(s3, "served"))
        assert (done["return_code"], done["exec_duration"]) == (0, None)
        pid = int(done["user_process_last_stderr_lines"][-2].rpartition(" ")[2])
        (tmp_path / "died").touch()
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: server.ping() == 503, "the truth")
        assert server.post(task(s3, "not-served")).json()["return_code"] != 0


def test_linked_input_folders_do_not_leak(server: Server, s3: S3Server, folder: Path) -> None:
    script = f"test -L {folder}/input && ls {folder}/linked/*-input/program.sh"
    assert result(server, task(s3, "linked", script))["return_code"] == 0
    assert not any((folder / "linked").iterdir())


def test_stderr_of_one_task_is_not_in_the_next_ones_result(server: Server, s3: S3Server) -> None:
    assert result(server, task(s3, "loud", "echo mine >&2"))["user_process_last_stderr_lines"] == ["mine"]
    assert result(server, task(s3, "silent"))["user_process_last_stderr_lines"] == []


def test_a_flipped_byte_is_noticed_and_fetched_again(s3: S3Server, tmp_path: Path) -> None:
    with FaultProxy(s3.url, first(FlipAnswer(), "get", times=3)) as proxy:
        moved: dict[str, Any] = s3.environment() | {"AWS_ENDPOINT_URL_S3": proxy.url}
        with serve(tmp_path, s3, **variables(tmp_path) | moved) as server:
            answer = result(
                server, task(s3, "flipped", f"cp {tmp_path}/input/program.sh {tmp_path}/output/copy")
            )
    assert answer["return_code"] == 0
    assert s3.get(OUTPUTS, "flipped/copy") == (s3.folder / INPUTS / "flipped" / "program.sh").read_bytes()


def test_a_download_that_breaks_off_goes_on_where_it_was(s3: S3Server, tmp_path: Path) -> None:
    s3.put(INPUTS, "parts", os.urandom(40_000_000))
    broken: list[Request] = []

    def break_one(request: Request) -> Action:
        if request.headers.get("range") == "bytes=8388608-16777215" and not broken:
            broken.append(request)
            return CutBody(1_000_000)
        return PassOn()

    with FaultProxy(s3.url, break_one) as proxy:
        moved: dict[str, Any] = s3.environment() | {"AWS_ENDPOINT_URL_S3": proxy.url}
        with serve(tmp_path, s3, **variables(tmp_path) | moved) as server:
            sent = task(s3, "resumed", f"cmp {tmp_path}/input/parts {s3.folder}/{INPUTS}/parts")
            sent["inputs"].append(an_input("parts", "parts"))
            answer = result(server, sent)
            asked = [request for request in proxy.seen if request.path.endswith("parts")]
    assert answer["return_code"] == 0
    assert len(broken) == 1
    assert len({request.headers["range"] for request in asked}) == len(asked) - 1 == 5


def test_a_size_limit_holds(s3: S3Server, tmp_path: Path) -> None:
    s3.put(INPUTS, "large", bytes(3_000_000))
    with serve(tmp_path, s3, **variables(tmp_path), ALGORITHM_MAX_INPUT_MB=2) as server:
        sent = task(s3, "too-large")
        sent["inputs"].append(an_input("large", "large"))
        answer = result(server, sent)
    assert answer["reason"] == "input" and "2,000,000" in answer["user_safe_error_message"]


def test_a_zip_bomb_is_refused(server: Server, s3: S3Server) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("bomb", "w") as bomb:
        for _ in range(300):
            bomb.write(bytes(1_000_000))
    s3.put(INPUTS, "bomb.zip", packed.getvalue())
    sent = task(s3, "bomb")
    sent["inputs"].append(an_input("bomb.zip", "deep/bomb.zip", decompress=True))
    answer = result(server, sent)
    assert answer["reason"] == "input" and "200 times" in answer["user_safe_error_message"]
