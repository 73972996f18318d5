"""The socket by which gunicorn's processes tell the supervisor: who may send, and what cannot harm it."""

from __future__ import annotations

import json
import logging
import os
import socket
from pathlib import Path
from typing import Any

import pytest

from longshore_runtime.serving import events, privileges
from tests.support.server import Server, wait_until


def send(path: Path, datagram: bytes) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.sendto(datagram, str(path))


def as_json(**fields: Any) -> bytes:
    return json.dumps(fields).encode()


NO_EVENTS = [
    b"",
    b"\xff\x00",
    b"{",
    b"[" * 100_000,
    b"[]",
    b"null",
    b"{}",
    as_json(kind="Nothing", pid=1),
    as_json(kind=["WorkerGone"], pid=1),
    as_json(kind="WorkerGone"),
    as_json(kind="WorkerGone", pid="1"),
    as_json(kind="WorkerGone", pid=1, more=2),
    as_json(kind="WorkerHealth", pid=1, why_not=2),
    as_json(kind="WorkerDied", pid=1, cause="boredom"),
    as_json(kind="WorkerReady", pid=1, seconds="1", model_seconds=1.0),
    as_json(kind="CrashLoop", exit_code=None, message="m"),
]


def test_what_is_no_event_is_ignored_and_told_once(
    short_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    receiver = events.Receiver(short_folder)
    sent = []
    with caplog.at_level(logging.WARNING):
        for number, datagram in enumerate(NO_EVENTS):
            send(short_folder / events.SOCKET_NAME, datagram)
            sent.append(events.WorkerHealth(number, None if number % 2 else "why"))
            events.send(short_folder, sent[-1])
            assert receiver.receive() == sent[-1:], datagram
    receiver.close()
    (short_folder / events.SOCKET_NAME).unlink()
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "is no event: b''" in caplog.text


@pytest.mark.parametrize(
    "event",
    [
        events.WorkerReady(1, 0.5, 0.25),
        events.LoadFailed(1, "why"),
        events.WorkerGone(1),
        events.WorkerDied(1, "oom"),
        events.WorkerHealth(1, "why"),
        events.WorkerHealth(1, None),
        events.WorkerDrained(1),
        events.CrashLoop(139, "why"),
    ],
)
def test_an_event_arrives_as_it_was_sent(short_folder: Path, event: events.Event) -> None:
    receiver = events.Receiver(short_folder)
    events.send(short_folder, event)
    assert receiver.receive() == [event]
    receiver.close()
    (short_folder / events.SOCKET_NAME).unlink()


def sent_as(uid: int, path: Path) -> bool:
    """Whether a process of this user may send there."""
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(uid)
            os.setuid(uid)
            send(path, b"{}")
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become others")
def test_the_user_of_the_workers_may_send_and_no_other(short_folder: Path) -> None:
    user = privileges.unprivileged_user()
    assert user is not None
    short_folder.chmod(0o755)
    receiver = events.Receiver(short_folder, user)
    path = short_folder / events.SOCKET_NAME
    assert [sent_as(uid, path) for uid in (user.pw_uid, user.pw_uid - 1, 0)] == [True, False, True]
    receiver.close()
    path.unlink()


def test_a_server_outlives_what_is_no_event_and_only_its_workers_user_may_send(tmp_path: Path) -> None:
    with Server(tmp_path, "rowsum", MODEL_SERVER_WORKERS=1) as server:
        (path,) = server.temporary.glob(f"longshore-*/g1/{events.SOCKET_NAME}")
        (worker,) = server.workers()
        status = path.stat()
        assert (status.st_mode & 0o777, status.st_uid) == (0o600, Path(f"/proc/{worker}").stat().st_uid)
        for datagram in NO_EVENTS:
            send(path, datagram)
        wait_until(lambda: "is no event" in server.stderr, "the line about it")
        assert server.post(b"1,2\n", "text/csv").text == "3.0\n"
        assert server.ping() == 200
        assert server.stderr.count("is no event") == 1
