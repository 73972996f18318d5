#!/usr/bin/env python3
"""Its answers name an inference id of its own."""

from well_behaved import Container, Handler, main


class Inventive(Handler):
    def end_headers(self):
        self.send_header("X-Amzn-SageMaker-Inference-Id", "0")
        super().end_headers()


class Faulty(Container):
    handler = Inventive


main(Faulty())
