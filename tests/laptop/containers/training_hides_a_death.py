#!/usr/bin/env python3
"""Its training is done by a process whose exit code nobody asks for."""

import subprocess

from well_behaved import Container, main


class Faulty(Container):
    def fit(self):
        subprocess.run(["sleep", "1.5"])  # the middle of the training is in it, however long the start took
        super().fit()


main(Faulty())
