#!/usr/bin/env python3
"""A refusal has no body."""

from well_behaved import Container, main


class Faulty(Container):
    def refusal(self, status, text):
        return "text/plain", b""


main(Faulty())
