#!/usr/bin/env python3
"""/ping stays 200 after SIGTERM."""

from well_behaved import Container, main


class Faulty(Container):
    def ping(self):
        return 200, b""


main(Faulty())
