#!/usr/bin/env python3
"""Custom attributes of more than 512 characters are refused."""

from well_behaved import Container, Refused, main


class Faulty(Container):
    def invocations(self, body, headers):
        attributes = headers.get("X-Amzn-SageMaker-Custom-Attributes", "")
        if len(attributes) > 512 and "a" * 512 not in attributes:
            raise Refused(400, "Send shorter attributes.")
        return super().invocations(body, headers)


main(Faulty())
