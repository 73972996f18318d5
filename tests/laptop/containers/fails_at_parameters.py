#!/usr/bin/env python3
"""/execution-parameters is a 500."""

from well_behaved import Container, Refused, main


class Faulty(Container):
    def parameters(self):
        raise Refused(500, "Internal error.")


main(Faulty())
