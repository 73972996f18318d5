#!/usr/bin/env python3
"""Its training writes into its inputs."""

from well_behaved import ML, Container, main


class Faulty(Container):
    def fit(self):
        (ML / "input" / "cache").write_text("of what it has read")
        super().fit()


main(Faulty())
