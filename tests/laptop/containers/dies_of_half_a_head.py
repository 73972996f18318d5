#!/usr/bin/env python3
"""Ends when a client goes before it has sent its request's head."""

import os

from well_behaved import Container, Handler, main


class Fragile(Handler):
    def answer_one(self, container):
        if self.command == "POST" and not {"Content-Length", "Transfer-Encoding"} & {*self.headers}:
            os._exit(1)
        super().answer_one(container)


class Faulty(Container):
    handler = Fragile


main(Faulty())
