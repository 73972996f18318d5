#!/usr/bin/env python3
"""/execution-parameters is not JSON."""

from well_behaved import Container, main


class Faulty(Container):
    def parameters(self):
        return 200, "application/json", b"MaxPayloadInMB=6"


main(Faulty())
