#!/usr/bin/env python3
"""Asks a process of its own for each prediction. When that dies there is another, but who had asked it waits
for good."""

import subprocess
import threading

from well_behaved import Container, main


class Faulty(Container):
    def load(self):
        super().load()
        self.lock = threading.Lock()
        self.start()

    def start(self):
        command = ["sh", "-c", "while read -r line; do echo; done"]
        self.worker = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def asked(self):
        try:
            self.worker.stdin.write(b"\n")
            self.worker.stdin.flush()
        except OSError:
            return False
        return bool(self.worker.stdout.readline())

    def predict(self, rows):
        with self.lock:
            answered = self.asked()
            if not answered:
                self.start()
        if not answered:
            threading.Event().wait()
        return super().predict(rows)


main(Faulty())
