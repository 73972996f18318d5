#!/usr/bin/env python3
"""/metrics is 404."""

from well_behaved import Container, Refused, main


class Faulty(Container):
    def metrics(self):
        raise Refused(404, "There are no metrics.")


main(Faulty())
