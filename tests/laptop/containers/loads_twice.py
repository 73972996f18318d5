#!/usr/bin/env python3
"""Loads a model that is loaded already once more."""

from well_behaved import main
from well_behaved_models import Models


class Faulty(Models):
    def load_model(self, name, url):
        self.models.pop(name, None)
        super().load_model(name, url)


main(Faulty())
