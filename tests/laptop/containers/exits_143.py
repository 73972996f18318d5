#!/usr/bin/env python3
"""Its exit code after SIGTERM is that of a process killed by it."""

from well_behaved import Container, main


class Faulty(Container):
    def on_sigterm(self):
        super().on_sigterm()
        return 143


main(Faulty())
