#!/usr/bin/env python3
"""An empty body is a 500."""

from well_behaved import Container, Refused, main


class Faulty(Container):
    def decode(self, body, content_type):
        if not body:
            raise Refused(500, "Internal error.")
        return super().decode(body, content_type)


main(Faulty())
