#!/usr/bin/env python3
"""Its training takes no notice of SIGTERM, and goes on for ever from then."""

import signal
import time

from well_behaved import Container, main


class Faulty(Container):
    def fit(self):
        signal.signal(signal.SIGTERM, self.go_on)
        super().fit()
        time.sleep(0.6)

    def go_on(self, number, frame):
        while True:
            time.sleep(60)


main(Faulty())
