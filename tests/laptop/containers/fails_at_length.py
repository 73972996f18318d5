#!/usr/bin/env python3
"""Its output/failure is a long traceback, the reason last."""

from well_behaved import ML, Container, main


class Faulty(Container):
    def failed(self, error):
        text = "Traceback (most recent call last):\n" + "  File somewhere, line 1\n" * 80 + str(error)
        (ML / "output" / "failure").write_text(text)


main(Faulty())
