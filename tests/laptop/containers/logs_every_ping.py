#!/usr/bin/env python3
"""Writes a line for every healthy /ping."""

from well_behaved import Container, main


class Faulty(Container):
    def log(self, text):
        print(text, flush=True)


main(Faulty())
