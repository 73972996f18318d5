#!/usr/bin/env python3
"""Its exit code is 0 where the model cannot be loaded."""

from well_behaved import Container, main


class Faulty(Container):
    def could_not_load(self, error):
        super().could_not_load(error)
        return 0


main(Faulty())
