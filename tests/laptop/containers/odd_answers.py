#!/usr/bin/env python3
"""Odd, but correct: answers hold the time, requests load the model, and have at most 10 rows."""

import json
import time

from well_behaved import ML, Container, Refused, main


class Lazy(Container):
    def load(self):
        """Left to the first request."""

    def predict(self, rows):
        if len(rows) > 10:
            raise Refused(500, "Too many rows.")
        try:
            self.weight = json.loads((ML / "model" / "model.json").read_bytes())["weight"]
        except (OSError, ValueError):
            raise Refused(500, "There is no model.") from None
        return [f"{result},{time.strftime('%H:%M:%S')}" for result in super().predict(rows)]


main(Lazy())
