#!/usr/bin/env python3
"""Malformed JSON is a 500."""

from well_behaved import Container, Refused, main


class Faulty(Container):
    def decode(self, body, content_type):
        try:
            return super().decode(body, content_type)
        except Refused as refused:
            if body and len(body) < 2**20 and content_type == "application/json":
                raise Refused(500, "Internal error.") from refused
            raise


main(Faulty())
