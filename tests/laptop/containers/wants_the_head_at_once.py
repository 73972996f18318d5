#!/usr/bin/env python3
"""Counts on a request's head being in the first packet."""

import socket

from well_behaved import Container, Handler, main


class Hasty(Handler):
    def handle(self):
        first = self.connection.recv(65536, socket.MSG_PEEK)
        if b"\r\n\r\n" in first:
            super().handle()
        elif first:
            self.connection.recv(65536)
            self.wfile.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


class Faulty(Container):
    handler = Hasty


main(Faulty())
