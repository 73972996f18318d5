#!/usr/bin/env python3
"""A request without a Content-Type is a 500."""

from well_behaved import Container, Refused, main


class Faulty(Container):
    def invocations(self, body, headers):
        if "Content-Type" not in headers:
            raise Refused(500, "Internal error.")
        return super().invocations(body, headers)


main(Faulty())
