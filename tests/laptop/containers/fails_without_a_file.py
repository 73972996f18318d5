#!/usr/bin/env python3
"""A training that fails leaves no output/failure."""

from well_behaved import Container, main


class Faulty(Container):
    def failed(self, error):
        print(f"failed: {error}", flush=True)


main(Faulty())
