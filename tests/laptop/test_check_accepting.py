"""How long a container takes to accept is told apart from how long the checker was kept waiting."""

from __future__ import annotations

import contextlib
import ctypes
import socket
import threading
import time

import pytest

from longshore import limits
from longshore.check.client import Address, Connection

_HELD_MICROSECONDS = 600_000
_PATIENCE = 30.0  # seconds


def address(listener: socket.socket) -> Address:
    return Address("127.0.0.1", listener.getsockname()[1])


@pytest.mark.skipif("sys.platform != 'linux'", reason="only Linux tells how long a handshake took")
def test_a_checker_that_is_kept_waiting_does_not_blame_the_container() -> None:
    """A thread that does not let go of the interpreter lock stands for a machine with too few processors."""
    accepted: list[float] = []
    waited: list[float] = []
    done = threading.Event()

    def connect() -> None:
        while not done.is_set():
            begun = time.monotonic()
            with Connection(address(listener), _PATIENCE) as connection:
                waited.append(time.monotonic() - begun)
                accepted.append(connection.accepted_seconds)
            listener.accept()[0].close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        connecting = threading.Thread(target=connect)
        connecting.start()
        while max(waited, default=0) <= limits.ACCEPT_SECONDS:
            ctypes.PyDLL(None).usleep(_HELD_MICROSECONDS)  # PyDLL keeps the lock, as CDLL does not
            time.sleep(0.01)
        done.set()
        connecting.join()
    assert max(accepted) < limits.ACCEPT_SECONDS


def test_a_full_backlog_is_the_containers() -> None:
    with contextlib.ExitStack() as held, socket.create_server(("127.0.0.1", 0), backlog=1) as listener:
        for _ in range(2):
            held.enter_context(Connection(address(listener), _PATIENCE))

        def accept() -> None:
            for _ in range(3):
                held.enter_context(listener.accept()[0])

        later = threading.Timer(2 * limits.ACCEPT_SECONDS, accept)
        later.start()
        last = held.enter_context(Connection(address(listener), _PATIENCE))
        later.join()
    assert last.accepted_seconds > limits.ACCEPT_SECONDS
