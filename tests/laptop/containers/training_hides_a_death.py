#!/usr/bin/env python3
"""Its training is done by a process whose exit code nobody asks for."""

import subprocess

from well_behaved import Container, main


class Faulty(Container):
    def fit(self):
        subprocess.run(["sleep", "0.3"])
        super().fit()


main(Faulty())
