#!/usr/bin/env python3
"""Its lines have colours."""

from well_behaved import Container, main


class Faulty(Container):
    def log(self, text):
        if not text.startswith("200 /ping"):
            print(f"\x1b[32m{text}\x1b[0m", flush=True)


main(Faulty())
