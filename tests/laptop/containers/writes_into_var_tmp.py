#!/usr/bin/env python3
"""Needs to write elsewhere than below TMPDIR."""

import tempfile

from well_behaved import Container, main


class Faulty(Container):
    def load(self):
        super().load()
        tempfile.TemporaryFile(dir="/var/tmp").close()


main(Faulty())
