#!/usr/bin/env python3
"""Trains without end."""

import time

from well_behaved import Container, main


class Faulty(Container):
    def fit(self):
        print("looking for algo-17", flush=True)
        time.sleep(3600)


main(Faulty())
