"""On the path of all of Ray's processes: its replicas listen to each other on every address of the machine,
with no setting for another. Here they do so on loopback.
"""

from __future__ import annotations

import contextlib
from typing import Any

with contextlib.suppress(ImportError):
    from grpc.aio._server import Server

    _add = Server.add_insecure_port

    def _on_loopback(self: Any, address: str) -> Any:
        return _add(self, address.replace("[::]", "127.0.0.1"))

    Server.add_insecure_port = _on_loopback
