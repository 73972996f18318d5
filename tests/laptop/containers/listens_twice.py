#!/usr/bin/env python3
"""Listens on a second port."""

import socket

from well_behaved import Container, main


class Faulty(Container):
    def load(self):
        super().load()
        self.second = socket.create_server(("127.0.0.1", 0))


main(Faulty())
