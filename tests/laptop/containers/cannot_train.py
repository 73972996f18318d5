#!/usr/bin/env python3
"""Its training always fails."""

from well_behaved import Container, main


class Faulty(Container):
    def fit(self):
        raise ValueError("nothing converges")


main(Faulty())
