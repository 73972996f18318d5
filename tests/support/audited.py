"""`longshore`, with a line on stderr for each program it starts and each connection it opens."""

from __future__ import annotations

import sys
from typing import Any

# Python's own names: https://docs.python.org/3/library/audit_events.html
_EVENTS = {
    "subprocess.Popen",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.fork",
    "os.forkpty",
    "socket.connect",
    "socket.sendto",
    "socket.getaddrinfo",
    "socket.gethostbyname",
}


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    if event in _EVENTS:
        sys.stderr.write(f"AUDIT {event} {arguments!r}\n")
    if event == "import" and arguments[0] == "docker":
        sys.stderr.write("AUDIT import docker\n")


if __name__ == "__main__":
    sys.addaudithook(_note)
    from longshore.cli import main

    sys.exit(main())
