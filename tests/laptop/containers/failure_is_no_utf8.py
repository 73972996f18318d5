#!/usr/bin/env python3
"""Its output/failure is in Latin-1."""

from well_behaved import ML, Container, main


class Faulty(Container):
    def failed(self, error):
        (ML / "output" / "failure").write_bytes("Die Daten fehlen: für das Training nötig".encode("latin-1"))


main(Faulty())
