#!/usr/bin/env python3
"""The list of its models lacks their URLs."""

from well_behaved import main
from well_behaved_models import Models


class Faulty(Models):
    def listed(self, name):
        return {"modelName": name}


main(Faulty())
