"""gunicorn's response, with the head and a small body in one send.

gunicorn sends them one after the other. A worker killed in between has answered by half: nginx has passed
"200 OK" on and can no longer say 502. One send is also one system call less, after which another thread
could have taken the interpreter lock.
"""

from __future__ import annotations

from typing import Any

from gunicorn.http import wsgi

# Well below a socket's buffer: the kernel takes it in one go. To copy more would cost more than it saves.
_TOGETHER_BYTES = 65_536


class Response(wsgi.Response):  # type: ignore[misc]  # gunicorn is published without types
    """Writes as gunicorn's does."""

    sock: Any

    def write(self, arg: bytes) -> None:
        if self.headers_sent or len(arg) > _TOGETHER_BYTES:
            super().write(arg)
            return
        together = _Together()
        connection, self.sock = self.sock, together
        try:
            super().write(arg)
        finally:
            self.sock = connection
        connection.sendall(together.kept)


class _Together:
    """Stands in for a socket, and keeps what it is to send."""

    kept = b""

    def sendall(self, data: bytes) -> None:
        self.kept += data


def use() -> None:
    """Have gunicorn's workers answer with it: none of them lets itself be told."""
    wsgi.Response = Response
