#!/usr/bin/env python3
"""Refuses an Accept that leaves the choice to it."""

from well_behaved import Container, Refused, main


class Faulty(Container):
    def invocations(self, body, headers):
        if headers.get("Accept") == "*/*":
            raise Refused(406, "Ask for text/csv or application/json.")
        return super().invocations(body, headers)


main(Faulty())
