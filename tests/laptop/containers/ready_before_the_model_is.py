#!/usr/bin/env python3
"""Says 200 for a while before it has loaded the model: it begins to when it is first asked."""

import threading

from well_behaved import Container, Refused, main


class Faulty(Container):
    weight = loading = None

    def load(self):
        super().load()  # fails where it cannot be loaded at all
        del self.weight

    def ping(self):
        if self.loading is None:
            self.loading = threading.Timer(0.3, super().load)
            self.loading.start()
        return super().ping()

    def predict(self, rows):
        if self.weight is None:
            raise Refused(503, "The model is being loaded.")
        return super().predict(rows)


main(Faulty())
