"""A way to this machine's Docker engine that a test can shut, as if the engine were stopped; it goes on."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import socket
import threading
from pathlib import Path

ENGINE = "/var/run/docker.sock"
_INSPECTS = re.compile(rb"GET \S*/images/\S+/json HTTP/1.1\r\n")


class Door:
    """A socket of this path, for DOCKER_HOST, open when made. In each state it can come to any other.

    image_bytes: the size that every image has for who looks through it; None for its own. jams_after: a
    request that is the last to pass.
    """

    def __init__(self, path: Path) -> None:
        self.address = f"unix://{path}"
        self._path = path
        self.image_bytes: int | None = None
        self.jams_after: re.Pattern[bytes] | None = None
        self._lock = threading.Lock()
        self._passable = threading.Event()
        self._connections: list[socket.socket] = []
        self._held: list[bytes] = []
        self._listener: socket.socket | None = None
        self.open()

    def open(self) -> None:
        """All can pass; what was connected, or held, is cut off, as by an engine that is started anew."""
        self.shut()
        self._passable.set()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self._path))
        self._listener.listen(128)
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def shut(self) -> None:
        """All connections are cut, and new ones refused."""
        with self._lock:
            if self._listener is not None:
                _cut(self._listener)
                self._listener.close()
                self._listener = None
                self._path.unlink()
            for each in self._connections:
                _cut(each)
            self._connections.clear()
            self._held.clear()

    def jam(self) -> None:
        """Connections are taken, and stay, and nothing passes any more, as with an engine that hangs."""
        self._passable.clear()

    def free(self) -> None:
        """What was held goes on its way, as if it had been slow."""
        self._passable.set()

    def holds(self, text: bytes) -> bool:
        """Whether something with this in it waits to pass."""
        with self._lock:
            return any(text in data for data in self._held)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            engine = socket.socket(socket.AF_UNIX)
            engine.connect(ENGINE)
            with self._lock:
                self._connections += [client, engine]
                if self._listener is not listener:  # it came in while the door was being shut
                    _cut(client)
                    _cut(engine)
            for source, target in ((client, engine), (engine, client)):
                threading.Thread(target=self._pass_on, args=(source, target), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                with self._lock:
                    self._held.append(data)
                self._passable.wait()
                with self._lock, contextlib.suppress(ValueError):
                    self._held.remove(data)
                if self.image_bytes is not None and _INSPECTS.match(data):
                    source.sendall(_inspected(data, self.image_bytes))
                else:
                    target.sendall(data)
                if self.jams_after is not None and self.jams_after.match(data):
                    self.jam()
            target.shutdown(socket.SHUT_WR)


def _inspected(request: bytes, size: int) -> bytes:
    """The engine's answer, in which the image has this size."""
    with socket.socket(socket.AF_UNIX) as engine:
        engine.connect(ENGINE)
        engine.sendall(request)
        answer = http.client.HTTPResponse(engine)
        answer.begin()
        body = answer.read()
    if answer.status == 200:
        body = json.dumps({**json.loads(body), "Size": size}).encode()
    head = f"HTTP/1.1 {answer.status} {answer.reason}\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def _cut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
