#!/usr/bin/env python3
"""After SIGTERM new requests are answered by nothing at all."""

import threading

from well_behaved import Container, main


class Faulty(Container):
    def invocations(self, body, headers):
        if self.stopping and not threading.current_thread().begun_before_stop:
            raise ConnectionAbortedError
        return super().invocations(body, headers)

    def stopping_refuses(self):
        return False


main(Faulty())
