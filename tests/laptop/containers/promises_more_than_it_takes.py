#!/usr/bin/env python3
"""Names a MaxPayloadInMB that it then refuses."""

from well_behaved import Container, Refused, main


class Faulty(Container):
    def parameters(self):
        return 200, "application/json", b'{"MaxPayloadInMB": 40, "MaxConcurrentTransforms": 2}'

    def invocations(self, body, headers):
        if 35 * 2**20 < len(body) < 50 * 2**20:
            raise Refused(413, "That is too large.")
        return super().invocations(body, headers)


main(Faulty())
