#!/usr/bin/env python3
"""Closes a connection after its third request, and does not say so."""

from well_behaved import Container, Handler, main


class Careless(Handler):
    requests = 0

    def answer_one(self, container):
        super().answer_one(container)
        self.requests += 1
        self.close_connection = self.close_connection or self.requests == 3


class Faulty(Container):
    handler = Careless


main(Faulty())
