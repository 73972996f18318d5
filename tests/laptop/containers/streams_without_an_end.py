#!/usr/bin/env python3
"""Its answers are chunked, and the last chunk is missing."""

from well_behaved import main
from well_behaved_streams import Streaming, Streams


class Endless(Streaming):
    def end(self):
        self.close_connection = True


class Faulty(Streams):
    handler = Endless


main(Faulty())
