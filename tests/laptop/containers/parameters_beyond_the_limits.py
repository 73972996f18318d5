#!/usr/bin/env python3
"""Its concurrency times its payload is more than 100 MB."""

from well_behaved import Container, main


class Faulty(Container):
    def parameters(self):
        return 200, "application/json", b'{"MaxConcurrentTransforms": 64, "MaxPayloadInMB": 6}'


main(Faulty())
