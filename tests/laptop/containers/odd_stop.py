#!/usr/bin/env python3
"""Odd, but correct: closes its port at SIGTERM, and finishes what it has begun."""

from well_behaved import Container, main


class ClosesItsPort(Container):
    def on_sigterm(self):
        self.server.shutdown()
        self.server.server_close()
        return super().on_sigterm()


main(ClosesItsPort())
