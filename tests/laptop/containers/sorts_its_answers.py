#!/usr/bin/env python3
"""Answers the rows in an order of its own."""

from well_behaved import Container, main


class Faulty(Container):
    def predict(self, rows):
        return sorted(super().predict(rows))


main(Faulty())
