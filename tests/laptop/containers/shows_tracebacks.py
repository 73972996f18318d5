#!/usr/bin/env python3
"""A refusal comes with the traceback."""

import traceback

from well_behaved import Container, main


class Faulty(Container):
    def refusal(self, status, text):
        return "text/plain", traceback.format_exc(limit=1).encode()


main(Faulty())
