#!/usr/bin/env python3
"""Without a fault: it takes WebSockets, and answers their pings."""

import base64
import hashlib

from well_behaved import Container, Handler, main

PING, PONG, CLOSE = 0x9, 0xA, 0x8


class Upgrading(Handler):
    def answer_one(self, container):
        wanted = self.path == "/invocations-bidirectional-stream" and "Upgrade" in self.headers
        if wanted and self.command == "GET":
            self.send_response(101)
            self.send_header("Connection", "Upgrade")
            self.send_header("Upgrade", "websocket")
            self.send_header("Sec-WebSocket-Accept", self.proof(self.headers["Sec-WebSocket-Key"]))
            self.end_headers()
            self.close_connection = True
            self.talk()
        else:
            super().answer_one(container)

    def proof(self, key):
        digest = hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()
        return base64.b64encode(digest).decode()

    def talk(self):
        """Frames of up to 125 bytes, until the client has enough of it."""
        while len(head := self.rfile.read(2)) == 2:
            mask = self.rfile.read(4)
            masked = self.rfile.read(head[1] & 0x7F)
            if head[0] & 0x0F == CLOSE:
                return
            if head[0] & 0x0F == PING:
                self.answer_ping(bytes(byte ^ mask[n % 4] for n, byte in enumerate(masked)))

    def answer_ping(self, payload):
        self.wfile.write(bytes((0x80 | PONG, len(payload))) + payload)


class WebSockets(Container):
    handler = Upgrading


if __name__ == "__main__":
    main(WebSockets())
