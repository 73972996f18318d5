"""Whether a request's client is still there: nginx closes its connection to us when its own client goes."""

from __future__ import annotations

import socket
from typing import Any


def gone(connection: Any) -> bool:
    """Whether the other end of this socket has closed it; False where there is no socket."""
    if connection is None:
        return False
    plain = getattr(connection, "_sock", connection)  # gevent's own recv would wait whatever the flags say
    try:
        return bool(plain.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b"")
    except BlockingIOError:
        return False
    except OSError:
        return True
