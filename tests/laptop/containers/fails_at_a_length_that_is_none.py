#!/usr/bin/env python3
"""A Content-Length that is no number is a failure."""

from well_behaved import Container, Handler, Refused, main


class Failing(Handler):
    def body(self, container):
        try:
            return super().body(container)
        except Refused as refused:
            if "is no number" in str(refused):
                refused.status = 500
            raise


class Faulty(Container):
    handler = Failing


main(Faulty())
