#!/usr/bin/env python3
"""Cannot load its model, whatever that is."""

from well_behaved import Container, main


class Faulty(Container):
    def load(self):
        raise ImportError("a package is missing")


main(Faulty())
