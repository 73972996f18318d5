#!/usr/bin/env python3
"""Refuses bodies of more than 5 MB, and /execution-parameters knows it."""

from well_behaved import Container, main


class Faulty(Container):
    max_body = 5 * 2**20

    def parameters(self):
        return 200, "application/json", b'{"MaxPayloadInMB": 5}'


main(Faulty())
