#!/usr/bin/env python3
"""Goes on after SIGTERM as if nothing had been."""

import signal

from well_behaved import Container, main


class Faulty(Container):
    def on_sigterm(self):
        while True:
            signal.sigwait({signal.SIGTERM})


main(Faulty())
