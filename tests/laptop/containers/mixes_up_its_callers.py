#!/usr/bin/env python3
"""Keeps a request's result where the next one's thread writes, too."""

import time

from well_behaved import Container, main


class Faulty(Container):
    def predict(self, rows):
        self.results = super().predict(rows)
        time.sleep(0.05)  # long enough for the next one to come on a machine that has much else to do
        return self.results


main(Faulty())
