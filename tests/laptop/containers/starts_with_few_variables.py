#!/usr/bin/env python3
"""Copies its environment into a table of 64 places."""

import os

from well_behaved import Container, main


class Faulty(Container):
    def load(self):
        if len(os.environ) > 100:
            raise MemoryError("too many variables")
        super().load()


main(Faulty())
