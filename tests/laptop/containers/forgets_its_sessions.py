#!/usr/bin/env python3
"""Keeps no session beyond the request that opened it."""

from well_behaved import main
from well_behaved_sessions import Sessions


class Faulty(Sessions):
    def knows(self, id):
        return id == "NEW_SESSION"


main(Faulty())
