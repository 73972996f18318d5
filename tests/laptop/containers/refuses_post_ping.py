#!/usr/bin/env python3
"""POST /ping is 405."""

from well_behaved import Container, Refused, main


class Faulty(Container):
    def route(self, method, path, headers, body):
        if (method, path) == ("POST", "/ping"):
            raise Refused(405, "GET /ping.")
        return super().route(method, path, headers, body)


main(Faulty())
