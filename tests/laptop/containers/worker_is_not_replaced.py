#!/usr/bin/env python3
"""Asks a process of its own for each prediction, and starts no other when that one has died."""

import subprocess
import threading

from well_behaved import Container, Refused, main


class Faulty(Container):
    def load(self):
        super().load()
        self.lock = threading.Lock()
        command = ["sh", "-c", "while read -r line; do echo; done"]
        self.worker = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def predict(self, rows):
        with self.lock:
            try:
                self.worker.stdin.write(b"\n")
                self.worker.stdin.flush()
                if not self.worker.stdout.readline():
                    raise BrokenPipeError
            except OSError:
                raise Refused(502, "The worker has died.") from None
        return super().predict(rows)


main(Faulty())
