#!/usr/bin/env python3
"""Where the model cannot be read /ping is 200, and every request a 500."""

import contextlib

from well_behaved import Container, Refused, main


class Faulty(Container):
    def load(self):
        self.weight = None
        with contextlib.suppress(ValueError):
            super().load()

    def predict(self, rows):
        if self.weight is None:
            raise Refused(500, "The model is broken.")
        return super().predict(rows)


main(Faulty())
