#!/usr/bin/env python3
"""Unknown keys in resourceconfig.json end its training."""

from well_behaved import Container, main


class Faulty(Container):
    def fit(self):
        unknown = self.config("resourceconfig").keys() - {"current_host", "hosts", "network_interface_name"}
        if unknown:
            raise TypeError(f"unexpected {unknown}")
        super().fit()


main(Faulty())
