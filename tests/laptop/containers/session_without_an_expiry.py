#!/usr/bin/env python3
"""A new session's id says nothing of when it expires."""

from well_behaved import main
from well_behaved_sessions import Sessions


class Faulty(Sessions):
    def announcement(self):
        return super().announcement().partition(";")[0]


main(Faulty())
