#!/usr/bin/env python3
"""Takes any id for that of a session."""

from well_behaved import main
from well_behaved_sessions import Sessions


class Faulty(Sessions):
    def knows(self, id):
        return True


main(Faulty())
