#!/usr/bin/env python3
"""A healthy /ping says so in words."""

from well_behaved import Container, main


class Faulty(Container):
    def ping(self):
        status, body = super().ping()
        return status, body or b"healthy"


main(Faulty())
