#!/usr/bin/env python3
"""Has no metrics while requests are under way."""

import time

from well_behaved import Container, Refused, main


class Faulty(Container):
    def predict(self, rows):
        if self.under_way > 1:
            time.sleep(0.5)  # so that many remain under way
        return super().predict(rows)

    def metrics(self):
        if self.under_way > 1:
            raise Refused(503, "Ask again later.")
        return super().metrics()


main(Faulty())
