#!/usr/bin/env python3
"""Says 200 before it has loaded the model: it does so when it is first asked to predict, and refuses that."""

from well_behaved import Container, Refused, main


class Faulty(Container):
    weight = None

    def load(self):
        super().load()  # fails where it cannot be loaded at all
        del self.weight

    def predict(self, rows):
        if self.weight is None:
            super().load()
            raise Refused(503, "The model is being loaded.")
        return super().predict(rows)


main(Faulty())
