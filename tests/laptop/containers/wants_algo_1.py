#!/usr/bin/env python3
"""Takes itself for algo-1."""

from well_behaved import Container, main


class Faulty(Container):
    def fit(self):
        if "algo-1" not in self.config("resourceconfig")["hosts"]:
            raise KeyError("algo-1")
        super().fit()


main(Faulty())
