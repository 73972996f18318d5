#!/usr/bin/env python3
"""/ping waits its turn behind all requests that wait for the model."""

import threading
import time

from well_behaved import Container, main


class Faulty(Container):
    def __init__(self):
        super().__init__()
        self.changed = threading.Condition()
        self.next_ticket = self.serving = 0

    def in_turn(self, call, seconds=0.0):
        with self.changed:
            ticket = self.next_ticket
            self.next_ticket += 1
            self.changed.wait_for(lambda: self.serving == ticket)
        time.sleep(seconds)
        try:
            return call()
        finally:
            with self.changed:
                self.serving += 1
                self.changed.notify_all()

    def ping(self):
        return self.in_turn(super().ping)

    def predict(self, rows):
        return self.in_turn(lambda: super(Faulty, self).predict(rows), 0.05)


main(Faulty())
