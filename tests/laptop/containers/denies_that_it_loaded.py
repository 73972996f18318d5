#!/usr/bin/env python3
"""Loads a model, and says that it failed."""

from well_behaved import Refused, main
from well_behaved_models import Models


class Faulty(Models):
    def load_model(self, name, url):
        super().load_model(name, url)
        raise Refused(500, "It cannot be loaded.")


main(Faulty())
