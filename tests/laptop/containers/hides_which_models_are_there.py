#!/usr/bin/env python3
"""A model that is not loaded is a bad request."""

from well_behaved import Refused, main
from well_behaved_models import Models


class Faulty(Models):
    def not_loaded(self):
        raise Refused(400, "No such model.")


main(Faulty())
