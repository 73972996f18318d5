#!/usr/bin/env python3
"""Its training cannot read an environment with a line end in a value."""

import os

from well_behaved import Container, main


class Faulty(Container):
    def fit(self):
        lines = "\n".join(f"{name}={value}" for name, value in os.environ.items()).split("\n")
        if not all("=" in line for line in lines):
            raise ValueError("a line of the environment is malformed")
        super().fit()


main(Faulty())
