#!/usr/bin/env python3
"""Reads its environment line by line."""

import os

from well_behaved import Container, main


class Faulty(Container):
    def load(self):
        for value in os.environ.values():
            if "\n" in value:
                raise ValueError("a variable of two lines")
        super().load()


main(Faulty())
