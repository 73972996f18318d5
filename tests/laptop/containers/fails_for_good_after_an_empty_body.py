#!/usr/bin/env python3
"""An empty body breaks it: after that no prediction is answered."""

from well_behaved import Container, Refused, main


class Faulty(Container):
    broken = False

    def invocations(self, body, headers):
        self.broken = self.broken or not body
        if self.broken:
            raise Refused(500, "Internal error.")
        return super().invocations(body, headers)


main(Faulty())
