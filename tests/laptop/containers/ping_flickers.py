#!/usr/bin/env python3
"""Its tenth /ping is 503."""

from well_behaved import Container, main


class Faulty(Container):
    pings = 0

    def ping(self):
        self.pings += 1
        return (503, b"a moment") if self.pings == 10 else super().ping()


main(Faulty())
