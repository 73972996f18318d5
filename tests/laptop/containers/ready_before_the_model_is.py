#!/usr/bin/env python3
"""Listens, and says 200, for a while before it has loaded the model."""

import json
import threading

from well_behaved import ML, Container, Refused, main


class Faulty(Container):
    weight = None

    def load(self):
        (ML / "model" / "model.json").read_bytes()
        threading.Timer(0.3, super().load).start()
        json.loads((ML / "model" / "model.json").read_bytes())

    def predict(self, rows):
        if self.weight is None:
            raise Refused(503, "The model is being loaded.")
        return super().predict(rows)


main(Faulty())
