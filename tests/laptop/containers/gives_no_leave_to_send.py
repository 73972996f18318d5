#!/usr/bin/env python3
"""Does not say 100 Continue."""

from well_behaved import Container, Handler, main


class Silent(Handler):
    def handle_expect_100(self):
        return True


class Faulty(Container):
    handler = Silent


main(Faulty())
