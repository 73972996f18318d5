#!/usr/bin/env python3
"""Does not start in a batch job."""

import os

from well_behaved import Container, main


class Faulty(Container):
    def load(self):
        if os.environ.get("SAGEMAKER_BATCH", "").lower() == "true":
            raise NotImplementedError("batch")
        super().load()


main(Faulty())
