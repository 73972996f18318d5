#!/usr/bin/env python3
"""Without a fault: a process of its own computes what is streamed, and where that has died a stream breaks
off."""

import subprocess
import threading

from well_behaved import main
from well_behaved_streams import Streaming, Streams


class Worker:
    def __init__(self):
        command = ["sh", "-c", "while read -r line; do echo; done"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def computes(self):
        """Whether it does, or has died."""
        try:
            self.process.stdin.write(b"\n")
            self.process.stdin.flush()
        except OSError:
            return False
        return bool(self.process.stdout.readline())


class Computed(Streaming):
    whole = True

    def parts(self, answer):
        for part in super().parts(answer):
            self.whole = self.server.container.computes()
            if not self.whole:
                return
            yield part

    def end(self):
        if self.whole:
            super().end()
        else:
            self.close_connection = True


class WithWorker(Streams):
    handler = Computed

    def load(self):
        super().load()
        self.lock = threading.Lock()
        self.worker = Worker()

    def computes(self):
        with self.lock:
            if self.worker.computes():
                return True
            self.worker = Worker()
            return False


if __name__ == "__main__":
    main(WithWorker())
