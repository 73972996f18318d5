#!/usr/bin/env python3
"""A process of it ends at its start, and it ends with exit code 0, as if all was done."""

import subprocess
import sys

from well_behaved import Container, main


class Faulty(Container):
    def serve(self):
        subprocess.run([sys.executable, "-c", "raise ImportError('No module named packaging')"], check=False)
        return 0


main(Faulty())
