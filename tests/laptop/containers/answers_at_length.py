#!/usr/bin/env python3
"""A refusal has more characters than SageMaker passes on."""

from well_behaved import Container, main


class Faulty(Container):
    def refusal(self, status, text):
        return "text/plain", (text + " Please." * 300).encode()


main(Faulty())
