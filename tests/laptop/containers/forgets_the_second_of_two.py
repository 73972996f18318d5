#!/usr/bin/env python3
"""Forgets what it has read beyond a request."""

from well_behaved import Container, Handler, main


class Forgetful(Handler):
    def answer_one(self, container):
        super().answer_one(container)
        self.rfile = self.connection.makefile("rb")


class Faulty(Container):
    handler = Forgetful


main(Faulty())
