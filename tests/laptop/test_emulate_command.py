"""`longshore emulate` as a process: what it says and refuses, what it leaves behind, what survives it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.emulator import EmulatorProcess
from tests.support.hosting import Hosting, archive
from tests.support.programs import runs
from tests.support.server import CHECKOUT, PATIENCE, environment, free_port, wait_until
from tests.support.signals import signal_to_a_thread

SLOW_SECONDS = 4


def run(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """The command, which is expected to end by itself."""
    return subprocess.run(
        [sys.executable, "-m", "longshore", "emulate", *options],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env=environment(PYTHONPATH=CHECKOUT, TMPDIR=folder),
    )


def left_in(folder: Path) -> list[str]:
    """The files of emulators and of engines that are still there."""
    return [str(path) for path in folder.rglob("*") if path.name != "emulator.log" and path.is_file()]


def killed(emulator: EmulatorProcess) -> None:
    emulator.process.kill()
    emulator.process.wait(PATIENCE)
    assert emulator.process.stdout is not None
    emulator.process.stdout.close()


def pid_of(hosting: Hosting, name: str) -> int:
    return int(hosting.invoke(name, "who"))


def test_a_taken_port_is_said_at_once(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = run(tmp_path, "--port", str(taken.getsockname()[1]))
    assert done.returncode == 2
    assert "is not available" in done.stderr
    assert "--port" in done.stderr
    assert "Traceback" not in done.stderr
    assert left_in(tmp_path) == []


@pytest.mark.parametrize("account", ["12345678901", "1234567890123", "abcdefghijkl"])
def test_an_account_has_12_digits(tmp_path: Path, account: str) -> None:
    done = run(tmp_path, "--port", "0", "--account", account)
    assert done.returncode == 2
    assert "12 digits" in done.stderr


@pytest.mark.parametrize("port", ["-1", "65536", "none"])
def test_a_port_that_cannot_be_is_said(tmp_path: Path, port: str) -> None:
    done = run(tmp_path, "--port", port)
    assert done.returncode == 2
    assert "Invalid value for '--port'" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("region", ["", "mars-1", "eu-west-99", "cn-north-1"])
def test_a_region_that_it_cannot_play_is_said_with_those_it_can(tmp_path: Path, region: str) -> None:
    done = run(tmp_path, "--port", "0", "--region", region)
    assert done.returncode == 2
    assert "--region" in done.stderr
    assert "eu-west-1" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("thread", [0, -1], ids=["main thread", "another thread"])
def test_a_signal_ends_it_and_all_that_runs(tmp_path: Path, number: signal.Signals, thread: int) -> None:
    emulator = EmulatorProcess(tmp_path)
    hosting = Hosting(emulator)
    pid = pid_of(hosting, hosting.endpoint())
    signal_to_a_thread(emulator.process.pid, thread, number)
    assert emulator.process.wait(PATIENCE) == 0
    assert not runs(pid)
    assert left_in(tmp_path) == []
    emulator.close()


def test_what_a_killed_one_leaves_goes_with_the_next_start(tmp_path: Path) -> None:
    first = EmulatorProcess(tmp_path)
    hosting = Hosting(first)
    pid = pid_of(hosting, hosting.endpoint())
    killed(first)
    assert runs(pid)
    second = EmulatorProcess(tmp_path)
    wait_until(lambda: not runs(pid), "the container ends")
    second.close()
    assert left_in(tmp_path) == []


def test_two_at_the_same_time_leave_each_other_alone(tmp_path: Path) -> None:
    first = EmulatorProcess(tmp_path)
    hosting = Hosting(first)
    name = hosting.endpoint()
    pid = pid_of(hosting, name)
    EmulatorProcess(tmp_path).close()
    assert pid_of(hosting, name) == pid
    first.close()


@pytest.mark.parametrize("how", ["closed", "killed"])
def test_a_state_survives(tmp_path: Path, how: str) -> None:
    state = tmp_path / "state"
    first = EmulatorProcess(tmp_path, "--state", str(state))
    hosting = Hosting(first)
    first.put("kept", **{"of/a/key": b"content", "model": archive({"weights": b"42"})})
    name = hosting.endpoint(ModelDataUrl="s3://kept/model")
    pid = pid_of(hosting, name)
    first.client("ecr").create_repository(repositoryName="the-last-change")
    if how == "closed":
        first.close()
        assert not runs(pid)
    else:
        wait_until(lambda: b"the-last-change" in (state / "state").read_bytes(), "the change is written")
        killed(first)
    second = EmulatorProcess(tmp_path, "--state", str(state))
    hosting = Hosting(second)
    assert hosting.settled(name)["EndpointStatus"] == "InService"
    assert hosting.invoke(name, "model") == b'{"weights": "42"}'
    assert not runs(pid)
    assert second.get("kept", "of/a/key") == b"content"
    (repository,) = second.client("ecr").describe_repositories()["repositories"]
    assert repository["repositoryName"] == "the-last-change"
    assert second.log_lines(f"/aws/sagemaker/Endpoints/{name}", "v1/")
    second.close()


def test_a_slow_writing_does_not_put_off_the_next_one(tmp_path: Path) -> None:
    """The file on its way is a FIFO: it opens once somebody reads, and then refuses fsync."""
    state, new = tmp_path / "state", tmp_path / "state" / "state.new"
    emulator = EmulatorProcess(tmp_path, "--state", str(state))
    os.mkfifo(new)  # at the start it would be refused
    emulator.put("kept")
    time.sleep(SLOW_SECONDS)  # how long this writing takes
    reader = os.open(new, os.O_RDONLY | os.O_NONBLOCK)
    wait_until(lambda: "cannot be written" in emulator.log, "it fails")
    new.unlink()
    os.close(reader)
    patience = 8 * SLOW_SECONDS  # long, where the next try comes after half a second
    wait_until((state / "state").exists, "the next writing comes", patience)
    killed(emulator)
    emulator = EmulatorProcess(tmp_path, "--state", str(state))
    assert emulator.keys("kept") == []
    emulator.close()


def test_objects_that_are_overwritten_and_deleted_leave_no_file(tmp_path: Path) -> None:
    state = tmp_path / "state"
    emulator = EmulatorProcess(tmp_path, "--state", str(state))
    for _ in range(3):
        emulator.put("one", key=b"content", other=b"content")
    emulator.client("s3").delete_object(Bucket="one", Key="other")
    emulator.close()
    assert len(list((state / "objects").iterdir())) == 1


def test_one_state_is_used_by_one_emulator(tmp_path: Path) -> None:
    state = tmp_path / "state"
    first = EmulatorProcess(tmp_path, "--state", str(state))
    done = run(tmp_path, "--port", "0", "--state", str(state))
    assert (done.returncode, "another emulator uses it" in done.stderr) == (2, True)
    first.close()


@pytest.mark.parametrize("damage", ["cut", "no pickle"])
def test_a_damaged_state_is_said_with_what_to_do(tmp_path: Path, damage: str) -> None:
    state = tmp_path / "state"
    first = EmulatorProcess(tmp_path, "--state", str(state))
    first.put("one", key=b"content")
    first.close()
    whole = (state / "state").read_bytes()
    (state / "state").write_bytes(whole[:100] if damage == "cut" else b"no pickle at all")
    done = run(tmp_path, "--port", str(free_port()), "--state", str(state))
    assert done.returncode == 2
    assert "is damaged" in done.stderr
    assert "begin afresh" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_state_of_another_region_is_refused(tmp_path: Path) -> None:
    state = tmp_path / "state"
    EmulatorProcess(tmp_path, "--state", str(state)).close()
    done = run(tmp_path, "--port", "0", "--state", str(state), "--region", "eu-west-1")
    assert (done.returncode, "--region us-east-1" in done.stderr) == (2, True)


def test_a_state_that_cannot_be_written_is_said_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = run(tmp_path, "--port", "0", "--state", str(tmp_path / "file" / "state"))
    assert (done.returncode, "cannot be written" in done.stderr) == (2, True)
