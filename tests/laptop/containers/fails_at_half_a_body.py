#!/usr/bin/env python3
"""Counts on two rows at least: the half of the payload, which has one, is a failure."""

from well_behaved import Container, Refused, main


class Faulty(Container):
    def predict(self, rows):
        if len(rows) == 1:
            raise Refused(500, "Something went wrong.")
        return super().predict(rows)


main(Faulty())
