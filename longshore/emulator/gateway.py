"""Where containers find the emulator: on the loopback they share with it, or at the gateway of their network.

At the gateway a second listener answers, from the first such container on, and those containers alone.
"""

from __future__ import annotations

import logging
import socket
import threading
from functools import partial

from longshore.emulator.guard import Guard
from longshore.emulator.platform import Platform
from longshore.emulator.server import LOOPBACK, Front, Server
from longshore.engines.base import Engine
from longshore.engines.base import Gateway as EngineGateway
from longshore.errors import UserError

_log = logging.getLogger("longshore.emulator")


class Gateway:
    """Thread-safe."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._lock = threading.Lock()
        self._hosts: dict[str, str] = {}  # where containers find the emulator, by the engine's name
        self._server: Server | None = None
        self._told = ""

    def address(self, image: str, *, isolated: bool) -> str:
        """The URL for a container of this image.

        On loopback also where it cannot reach the emulator: nobody answers there, and that shows at once.
        """
        host = LOOPBACK
        if not isolated:
            engine = self._platform.choose(image)
            with self._lock:
                if engine.name not in self._hosts:
                    self._open(engine)
                host = self._hosts.get(engine.name, LOOPBACK)
        return f"http://{host}:{self._platform.port}"

    def stop(self) -> None:
        """Take no more requests."""
        with self._lock:
            if self._server is not None:
                self._server.stop()

    def _open(self, engine: Engine) -> None:
        try:
            gateway = engine.gateway(self._platform.fleet.mark_for(engine))
            if gateway is None:
                self._hosts[engine.name] = LOOPBACK
                return
            self._server = Server(self._platform.port, partial(_refusal, gateway), gateway.address)
        except UserError as error:  # tried again for the next container: the engine may only have been away
            if str(error) != self._told:
                _log.warning("Containers do not reach this emulator. %s", error)
                self._told = str(error)
            return
        front = Front(self._platform, for_containers=True)
        self._server.wsgi_app = Guard(front, gateway.address, self._platform.port, has_pages=False)
        threading.Thread(target=self._server.serve, name="gateway", daemon=True).start()
        self._hosts[engine.name] = gateway.address


def _refusal(gateway: EngineGateway, connection: socket.socket) -> str | None:
    if gateway.admits(connection.getpeername()[0]):
        return None
    return "Only the emulator's own containers may send requests to this address."
