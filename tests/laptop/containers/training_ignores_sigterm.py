#!/usr/bin/env python3
"""Its training takes no notice of SIGTERM, and goes on for ever from then."""

import signal
import sys
import time


def go_on(number, frame):
    while True:
        time.sleep(60)


# Before the import: that takes long on a loaded machine, and the signal comes in the middle of a training.
if sys.argv[1:] == ["train"]:
    signal.signal(signal.SIGTERM, go_on)

from well_behaved import Container, main  # noqa: E402


class Faulty(Container):
    def fit(self):
        signal.signal(signal.SIGTERM, go_on)
        super().fit()
        time.sleep(1.5)  # so that the middle is long after the start


main(Faulty())
