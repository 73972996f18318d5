#!/usr/bin/env python3
"""Odd, but correct: accepts exactly the headers it knows, and refuses a request that has any other value."""

from well_behaved import Container, Refused, main

_KNOWN = {"host", "connection", "content-type", "content-length", "accept", "expect", "transfer-encoding"}


class Strict(Container):
    def invocations(self, body, headers):
        if unknown := {name.lower() for name in headers} - _KNOWN:
            raise Refused(400, f"Unknown headers: {', '.join(sorted(unknown))}.")
        if headers.get("Content-Type") not in ("text/csv", "application/json"):
            raise Refused(415, "Send text/csv or application/json.")
        if headers.get("Accept", "*/*") not in ("*/*", "text/csv", "application/json"):
            raise Refused(406, "There are text/csv and application/json.")
        return super().invocations(body, headers)


main(Strict())
