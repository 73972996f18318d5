#!/usr/bin/env python3
"""Headers of more than 4 KB in all are refused."""

from well_behaved import Container, Refused, main


class Faulty(Container):
    def invocations(self, body, headers):
        if sum(len(name) + len(value) for name, value in headers.items()) > 4096:
            raise Refused(431, "Send shorter headers.")
        return super().invocations(body, headers)


main(Faulty())
