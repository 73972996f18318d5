#!/usr/bin/env python3
"""Ends without a word where the model cannot be loaded."""

from well_behaved import Container, main


class Faulty(Container):
    def could_not_load(self, error):
        return 3


main(Faulty())
