#!/usr/bin/env python3
"""A line of /metrics has no number."""

from well_behaved import Container, main


class Faulty(Container):
    def metrics(self):
        status, kind, text = super().metrics()
        return status, kind, text + b"latency_seconds unknown\n"


main(Faulty())
