#!/usr/bin/env python3
"""Passes hyperparameters on to a shell without quotes."""

import subprocess

from well_behaved import Container, main


class Faulty(Container):
    def fit(self):
        words = " ".join(f"{name}={value}" for name, value in self.config("hyperparameters").items())
        subprocess.run(["sh", "-c", f"echo {words}"], check=True, stdout=subprocess.DEVNULL)
        super().fit()


main(Faulty())
