#!/usr/bin/env python3
"""Unknown keys in resourceconfig.json end its training."""

from well_behaved import Container, main


class Faulty(Container):
    def fit(self):
        known = {"current_host", "current_instance_type", "current_group_name", "hosts", "instance_groups"}
        unknown = self.config("resourceconfig").keys() - known - {"network_interface_name"}
        if unknown:
            raise TypeError(f"unexpected {unknown}")
        super().fit()


main(Faulty())
