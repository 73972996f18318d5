#!/usr/bin/env python3
"""A model that was unloaded cannot be loaded again."""

from well_behaved import Refused, main
from well_behaved_models import Models


class Faulty(Models):
    unloaded = frozenset()

    def load_model(self, name, url):
        if name in self.unloaded:
            raise Refused(500, "Its name is taken.")
        super().load_model(name, url)

    def unload(self, name):
        super().unload(name)
        self.unloaded |= {name}


main(Faulty())
