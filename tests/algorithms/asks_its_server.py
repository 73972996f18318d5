"""Sends a request of its own to the server that runs it, and prints what became of that.

Arguments: the way (waits, hangs-up, ipv6, by-socket), the server's port, the folder of its sockets, the body.
"""

from __future__ import annotations

import pathlib
import socket
import sys
import time

way, port, sockets, body = sys.argv[1:]
head = f"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\nConnection: close\r\n"
forged = "X-Longshore-Peer: 192.0.2.1:1\r\n"
request = f"{head}Content-Type: application/json\r\n{forged}\r\n{body}".encode()
if way == "by-socket":
    connected = []
    for path in pathlib.Path(sockets).rglob("*.sock"):
        with socket.socket(socket.AF_UNIX) as direct:
            try:
                direct.connect(str(path))
            except OSError:
                continue
            direct.sendall(request)
            connected.append(path.name)
    print(connected)
elif way == "hangs-up":
    with socket.create_connection(("127.0.0.1", int(port))) as connection:
        connection.sendall(request)
    time.sleep(1)
    print("sent")
else:
    family, host = (socket.AF_INET6, "::ffff:127.0.0.1") if way == "ipv6" else (socket.AF_INET, "127.0.0.1")
    with socket.socket(family) as connection:
        connection.connect((host, int(port)))
        connection.sendall(request)
        print(connection.makefile().readline().split()[1])
