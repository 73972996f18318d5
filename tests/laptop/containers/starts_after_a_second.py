#!/usr/bin/env python3
"""Is ready a second after its start: the test has it ready in less."""

import time

from well_behaved import Container, main


class Faulty(Container):
    def load(self):
        time.sleep(1)
        super().load()


main(Faulty())
