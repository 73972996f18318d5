#!/usr/bin/env python3
"""Its first /ping is 200, and no other."""

from well_behaved import Container, main


class Faulty(Container):
    asked = False

    def ping(self):
        if self.asked:
            return 404, b""
        self.asked = True
        return super().ping()

    def log(self, text):
        if "/ping" not in text:
            super().log(text)


main(Faulty())
