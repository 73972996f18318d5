#!/usr/bin/env python3
"""A new session has expired before it is announced."""

from well_behaved import main
from well_behaved_sessions import Sessions


class Faulty(Sessions):
    seconds = -60


main(Faulty())
