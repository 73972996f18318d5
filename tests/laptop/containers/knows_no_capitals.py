#!/usr/bin/env python3
"""Text/CSV is not text/csv to it."""

from well_behaved import Container, Refused, main


class Faulty(Container):
    def decode(self, body, content_type):
        if content_type != content_type.lower():
            raise Refused(415, "Send text/csv or application/json.")
        return super().decode(body, content_type)


main(Faulty())
