#!/usr/bin/env python3
"""Refuses a request with a header it does not know."""

from well_behaved import Container, Refused, main


class Faulty(Container):
    def invocations(self, body, headers):
        if "traceparent" in headers:
            raise Refused(400, "What is traceparent?")
        return super().invocations(body, headers)


main(Faulty())
