"""Who may use the emulator of a machine with several users: the one who started it, and root."""

from __future__ import annotations

import json
import os
import shutil
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from longshore.emulator.same_user import SameUser, by_sock_diag, by_table
from tests.support.emulator import ROLE, EmulatorProcess
from tests.support.other_user import OTHER, as_other, needs_root, started_as_other
from tests.support.server import CHECKOUT, PATIENCE, environment

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who sends a request")

# What one can ask of each of the services: method, path, headers, body.
REQUESTS = {
    "s3": (
        "GET",
        "/",
        {"Authorization": "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/s3/aws4_request"},
        "",
    ),
    "sns": ("POST", "/?Action=CreateTopic&Name=evil", {}, ""),
    "sagemaker": ("POST", "/", {"X-Amz-Target": "SageMaker.ListModels"}, "{}"),
    "runtime": ("POST", "/endpoints/any/invocations", {}, "{}"),
    "page": ("GET", "/", {}, ""),
    "page's data": ("GET", "/_longshore/overview", {}, ""),
    "interrupt": ("POST", "/_longshore/interrupt?job=any", {}, ""),
    "moto": ("POST", "/moto-api/reset", {}, ""),
}

ASK = """
import http.client, json, sys
host, port, requests, source = sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3]), sys.argv[4]
for method, path, headers, body in requests:
    address = (source, 0) if source else None
    connection = http.client.HTTPConnection(host, port, timeout=60, source_address=address)
    connection.request(method, path, body, {"Host": f"127.0.0.1:{port}", **headers})
    answer = connection.getresponse()
    print(answer.status, json.dumps(answer.read().decode()))
"""


def asked(
    emulator: EmulatorProcess, host: str = "127.0.0.1", source: str = "", **options: tuple[str, ...]
) -> str:
    port = emulator.address.rpartition(":")[2]
    return as_other(ASK, host, port, json.dumps(list(REQUESTS.values())), source, **options)


def statuses(said: str) -> list[str]:
    return [line.partition(" ")[0] for line in said.splitlines()]


@needs_root
def test_another_user_is_refused_by_every_service(emulator: EmulatorProcess) -> None:
    said = asked(emulator)
    assert statuses(said) == ["403"] * len(REQUESTS)
    assert "started this emulator, and it answers no other user's requests" in said
    assert f"(uid {OTHER})" in said
    assert "--port" in said


@needs_root
@pytest.mark.parametrize("source", ["127.0.0.9", "127.255.255.254"])
def test_another_user_is_refused_from_any_address(emulator: EmulatorProcess, source: str) -> None:
    assert statuses(asked(emulator, source=source)) == ["403"] * len(REQUESTS)


@needs_root
def test_another_user_is_refused_over_an_ipv6_socket(emulator: EmulatorProcess) -> None:
    assert statuses(asked(emulator, "::ffff:127.0.0.1")) == ["403"] * len(REQUESTS)


@needs_root
def test_root_of_a_user_namespace_is_not_root(emulator: EmulatorProcess) -> None:
    unshare = ("unshare", "--map-root-user")
    try:
        assert as_other("import os; print(os.getuid())", before=unshare) == "0"
    except AssertionError as error:
        pytest.skip(f"no user namespaces here: {error}")
    assert statuses(asked(emulator, before=unshare)) == ["403"] * len(REQUESTS)


@needs_root
def test_another_user_who_hangs_up_at_once_is_refused(emulator: EmulatorProcess, tmp_path: Path) -> None:
    """The kernel says that a socket without a process is root's."""
    tmp_path.chmod(0o711)
    program = tmp_path / "evil"
    program.write_text("#!/bin/sh\ntrue\n")
    program.chmod(0o755)
    send = """
import json, socket, sys
port, program, role = int(sys.argv[1]), sys.argv[2], sys.argv[3]
for number in range(50):
    job = {"TrainingJobName": f"evil-{number}", "RoleArn": role,
      "AlgorithmSpecification": {"TrainingImage": f"host:{program}", "TrainingInputMode": "File"},
      "OutputDataConfig": {"S3OutputPath": "s3://any/out"}, "StoppingCondition": {"MaxRuntimeInSeconds": 60},
      "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}}
    body = json.dumps(job)
    head = f"POST / HTTP/1.1\\r\\nHost: 127.0.0.1:{port}\\r\\nX-Amz-Target: SageMaker.CreateTrainingJob\\r\\n"
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(f"{head}Content-Length: {len(body)}\\r\\n\\r\\n{body}".encode())
"""
    emulator.put("any")
    as_other(send, emulator.address.rpartition(":")[2], str(program), ROLE)
    assert statuses(asked(emulator)) == ["403"] * len(REQUESTS)  # all that came before has been handled
    assert emulator.client("sagemaker").list_training_jobs(NameContains="evil")["TrainingJobSummaries"] == []


@needs_root
@pytest.mark.parametrize("sent", ["", "GET / HT"], ids=["nothing", "half a request"])
def test_connections_of_another_user_do_not_keep_the_emulator_busy(
    emulator: EmulatorProcess, sent: str
) -> None:
    connect = """
import socket, sys
port, sent = int(sys.argv[1]), sys.argv[2].encode()
held = []
for _ in range(300):
    held.append(socket.create_connection(("127.0.0.1", port)))
    try:
        held[-1].sendall(sent)
    except OSError:
        pass  # it is closed already
print("connected", flush=True)
sys.stdin.read()
"""
    port = emulator.address.rpartition(":")[2]
    with started_as_other(connect, port, sent) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "connected\n"
        # Less than the time for which an admitted client's thread waits for the rest of its request.
        assert requests.get(f"{emulator.address}/_longshore/emulator", timeout=PATIENCE).status_code == 200
    assert statuses(asked(emulator)) == ["403"] * len(REQUESTS)


def test_the_own_user_is_admitted_however_it_connects(emulator: EmulatorProcess) -> None:
    port = emulator.address.rpartition(":")[2]
    request: list[Any] = [("GET", "/_longshore/emulator", {}, "")]
    unshare = ["unshare", "--map-root-user"] if shutil.which("unshare") else []
    for before, host, source in (
        ([], "127.0.0.1", "127.0.0.9"),
        ([], "::ffff:127.0.0.1", ""),
        (unshare, "127.0.0.1", ""),
    ):
        command = [*before, sys.executable, "-c", ASK, host, port, json.dumps(request), source]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
        if before and "unshare failed" in done.stderr:
            continue  # no user namespaces here
        assert done.stdout.startswith("200 "), done


@needs_root
def test_root_who_is_so_by_sudo_admits_that_user(tmp_path: Path) -> None:
    emulator = EmulatorProcess(tmp_path, SUDO_UID=str(OTHER))
    try:
        assert f"Root and nobody (uid {OTHER}) can use it" in emulator.said
        assert "403" not in statuses(asked(emulator))[2:6]
    finally:
        emulator.close()


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


@pytest.mark.parametrize("find", [by_sock_diag, by_table])
class TestFind:
    """Each way of asking the kernel."""

    @staticmethod
    def test_a_connected_client(listener: socket.socket, find: Any) -> None:
        with socket.create_connection(listener.getsockname()) as client:
            assert find(client.getsockname(), listener.getsockname()) == os.geteuid()
            client.shutdown(socket.SHUT_WR)  # it still waits for the answer
            assert find(client.getsockname(), listener.getsockname()) == os.geteuid()

    @staticmethod
    def test_an_ipv6_client_of_an_ipv4_address(listener: socket.socket, find: Any) -> None:
        with socket.socket(socket.AF_INET6) as client:
            client.connect(("::ffff:127.0.0.1", listener.getsockname()[1]))
            address = ("127.0.0.1", client.getsockname()[1])
            assert find(address, listener.getsockname()) == os.geteuid()

    @staticmethod
    def test_a_client_that_hung_up_is_nobody(listener: socket.socket, find: Any) -> None:
        client = socket.create_connection(listener.getsockname())
        accepted, address = listener.accept()
        client.close()
        assert find(address, listener.getsockname()) is None  # the connection is half open, without a process
        accepted.close()
        assert find(address, listener.getsockname()) is None

    @staticmethod
    def test_who_listens_at_the_clients_port_is_not_the_client(listener: socket.socket, find: Any) -> None:
        with socket.create_server(("127.0.0.1", 0)) as other:
            assert find(other.getsockname(), listener.getsockname()) is None


def test_where_the_system_does_not_tell_everybody_is_admitted_and_it_says_so(
    monkeypatch: pytest.MonkeyPatch, listener: socket.socket
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    same_user = SameUser()
    assert not same_user.works
    with socket.create_connection(listener.getsockname()):
        assert same_user.refusal(listener.accept()[0]) is None


def modes(folder: Path) -> dict[str, int]:
    """The permissions that others than the owner have, of all that is in a folder, and of itself."""
    paths = [folder, *folder.rglob("*")]
    return {str(path): mode for path in paths if (mode := stat.S_IMODE(path.stat().st_mode) & 0o077)}


def test_no_other_user_reads_or_writes_what_is_kept(tmp_path: Path) -> None:
    """With any umask, also in a folder that an older emulator made."""
    state = tmp_path / "state"
    previous = os.umask(0)
    try:
        emulator = EmulatorProcess(tmp_path, "--state", str(state))
        emulator.put("kept", small=b"content", large=os.urandom(1 << 20))
        (temporary,) = tmp_path.glob("longshore-emulators-*")
        assert not stat.S_IMODE(temporary.stat().st_mode) & 0o077
        emulator.close()
        assert modes(state) == {}
        for path in [state, *state.rglob("*")]:
            path.chmod(0o755)
        emulator = EmulatorProcess(tmp_path, "--state", str(state))
        assert emulator.get("kept", "small") == b"content"
        emulator.put("also")
        emulator.close()
    finally:
        os.umask(previous)
    outside = {path: mode for path, mode in modes(state).items() if "/objects/" not in path}
    assert outside == {}  # what is below objects/ is closed by the folder


def refused(tmp_path: Path, state: Path) -> str:
    command = [sys.executable, "-m", "longshore", "emulate", "--port", "0", "--state", str(state)]
    variables = environment(PYTHONPATH=CHECKOUT, TMPDIR=tmp_path)
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, env=variables)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    return done.stderr


def test_a_state_that_others_may_write_is_refused(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    for mode in (0o777, 0o770):
        state.chmod(mode)
        assert f"chmod 700 {state}" in refused(tmp_path, state).replace("\n", "")


@needs_root
def test_files_that_another_user_made_are_refused(tmp_path: Path) -> None:
    state = tmp_path / "state"
    EmulatorProcess(tmp_path, "--state", str(state)).close()
    (temporary,) = tmp_path.glob("longshore-emulators-*")
    for path in (state / "state", state, temporary):
        os.chown(path, OTHER, OTHER)
        assert f"{path}: it belongs to user {OTHER}" in refused(tmp_path, state).replace("\n", "")
        os.chown(path, 0, 0)
    temporary.rmdir()
    (tmp_path / "elsewhere").mkdir()
    temporary.symlink_to(tmp_path / "elsewhere")
    os.chown(temporary, OTHER, OTHER, follow_symlinks=False)
    assert f"{temporary}: it belongs to user {OTHER}" in refused(tmp_path, state).replace("\n", "")
