#!/usr/bin/env python3
"""A training that succeeds leaves an output/failure."""

from well_behaved import ML, Container, main


class Faulty(Container):
    def fit(self):
        (ML / "output" / "failure").write_text("not finished yet")
        super().fit()


main(Faulty())
