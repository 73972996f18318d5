#!/usr/bin/env python3
"""Where there is no model /ping is 200, and every request a 500."""

import contextlib

from well_behaved import Container, Refused, main


class Faulty(Container):
    def load(self):
        self.weight = None
        with contextlib.suppress(FileNotFoundError):
            super().load()

    def predict(self, rows):
        if self.weight is None:
            raise Refused(500, "There is no model.")
        return super().predict(rows)


main(Faulty())
