#!/usr/bin/env python3
"""GET /invocations is 200."""

from well_behaved import Container, main


class Faulty(Container):
    def route(self, method, path, headers, body):
        if (method, path) == ("GET", "/invocations"):
            return 200, "text/plain", b"POST here"
        return super().route(method, path, headers, body)


main(Faulty())
