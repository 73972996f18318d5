#!/usr/bin/env python3
"""Answers no request to a model that it has loaded."""

from well_behaved import Refused, main
from well_behaved_models import Models


class Faulty(Models):
    def invoke(self, name, body, headers):
        raise Refused(500, "It cannot be asked.")


main(Faulty())
