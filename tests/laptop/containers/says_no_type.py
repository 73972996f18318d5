#!/usr/bin/env python3
"""Its answers have no Content-Type."""

from well_behaved import Container, Handler, main


class Silent(Handler):
    def send_header(self, name, value):
        if (self.path, name) != ("/invocations", "Content-Type"):
            super().send_header(name, value)


class Faulty(Container):
    handler = Silent


main(Faulty())
