#!/usr/bin/env python3
"""An empty body ends it."""

import os

from well_behaved import Container, main


class Faulty(Container):
    def route(self, method, path, headers, body):
        if (method, path, headers.get("Content-Length")) == ("POST", "/invocations", "0"):
            os._exit(139)
        return super().route(method, path, headers, body)


main(Faulty())
