#!/usr/bin/env python3
"""Its training succeeds where the data are missing."""

from well_behaved import Container, main


class Faulty(Container):
    def fit(self):
        try:
            super().fit()
        except FileNotFoundError:
            self.save({"weight": 0})


main(Faulty())
