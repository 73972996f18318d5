#!/usr/bin/env python3
"""Knows the input modes File and Pipe."""

from well_behaved import Container, main


class Faulty(Container):
    def fit(self):
        for channel in self.config("inputdataconfig").values():
            if channel["TrainingInputMode"] not in ("File", "Pipe"):
                raise ValueError(channel["TrainingInputMode"])
        super().fit()


main(Faulty())
