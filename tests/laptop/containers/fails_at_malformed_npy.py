#!/usr/bin/env python3
"""NPY that is none is a failure."""

from well_behaved import Container, Refused, main


class Faulty(Container):
    def decode(self, body, content_type):
        if content_type == "application/x-npy":
            raise Refused(500, "It could not be read.")
        return super().decode(body, content_type)


main(Faulty())
