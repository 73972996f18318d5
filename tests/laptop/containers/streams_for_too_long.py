#!/usr/bin/env python3
"""Takes its time between the chunks of an answer."""

import time

from well_behaved import main
from well_behaved_streams import Streaming, Streams


class Slow(Streaming):
    def parts(self, answer):
        for part in super().parts(answer):
            time.sleep(0.3)
            yield part


class Faulty(Streams):
    handler = Slow


main(Faulty())
