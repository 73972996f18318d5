#!/usr/bin/env python3
"""Answers with 5,000 bytes of headers, which an asynchronous endpoint does not accept."""

from well_behaved import Container, Handler, main


class LongHeaders(Handler):
    def end_headers(self):
        if self.path == "/invocations":
            self.send_header("X-Explanation", "e" * 5000)
        super().end_headers()


class Faulty(Container):
    handler = LongHeaders


main(Faulty())
