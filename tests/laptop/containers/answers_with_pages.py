#!/usr/bin/env python3
"""A refusal is an HTML page."""

from well_behaved import Container, main


class Faulty(Container):
    def refusal(self, status, text):
        return "text/html", f"<!doctype html><title>{status}</title><p>{text}".encode()


main(Faulty())
