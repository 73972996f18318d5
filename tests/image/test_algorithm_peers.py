"""Whose request is taken: by the kernel's table of connections, with real sockets."""

from __future__ import annotations

import os
import socket

import pytest

from longshore_runtime.errors import RequestError
from longshore_runtime.runners.algorithm.peers import refuse_programs


def is_taken(peer: str | None, programs: int = -1) -> bool:
    """Whether a request from there is taken. programs: the user that programs have."""
    try:
        refuse_programs(peer, lambda uid: uid == programs)
    except RequestError as error:
        return error.status != 403
    return True


WAYS = [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::ffff:127.0.0.1")]


@pytest.mark.parametrize(("family", "host"), WAYS)
def test_a_process_of_this_machine_is_known_by_its_user_while_it_waits(family: int, host: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(family) as client:
        client.connect((host, server.getsockname()[1]))
        peer = f"127.0.0.1:{client.getsockname()[1]}"
        assert is_taken(peer)
        assert not is_taken(peer, programs=os.geteuid())
        accepted, _ = server.accept()
        with accepted:
            client.close()
            assert not is_taken(peer), "the kernel says user 0 of what nobody holds"
    assert not is_taken(peer)


def test_another_machine_is_no_program() -> None:
    assert is_taken("192.0.2.1:40000", programs=os.geteuid())


@pytest.mark.parametrize("peer", [None, "", ":", "127.0.0.1", "127.0.0.1:x", "unix:", "::1:80"])
def test_a_sender_that_cannot_be_known_is_refused(peer: str | None) -> None:
    assert not is_taken(peer)
