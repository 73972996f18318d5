#!/usr/bin/env python3
"""Takes a body without a length for an empty one."""

from well_behaved import Container, main


class Faulty(Container):
    def route(self, method, path, headers, body):
        if "Transfer-Encoding" in headers:
            body = b""
        return super().route(method, path, headers, body)


main(Faulty())
