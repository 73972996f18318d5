#!/usr/bin/env python3
"""An unknown Accept is a 500."""

from well_behaved import Container, Refused, main


class Faulty(Container):
    def invocations(self, body, headers):
        try:
            return super().invocations(body, headers)
        except Refused as refused:
            if refused.status == 406:
                raise Refused(500, "Internal error.") from None
            raise


main(Faulty())
