#!/usr/bin/env python3
"""Ends at once on SIGTERM."""

from well_behaved import Container, main


class Faulty(Container):
    def on_sigterm(self):
        return 0


main(Faulty())
