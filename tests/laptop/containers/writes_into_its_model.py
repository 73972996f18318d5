#!/usr/bin/env python3
"""Keeps a cache beside the model, and cannot start without."""

from well_behaved import ML, Container, main


class Faulty(Container):
    def load(self):
        super().load()
        (ML / "model" / "cache").write_text("")


main(Faulty())
