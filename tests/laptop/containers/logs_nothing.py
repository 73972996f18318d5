#!/usr/bin/env python3
"""Writes nothing while it serves."""

from well_behaved import Container, main


class Faulty(Container):
    def log(self, text):
        pass


main(Faulty())
