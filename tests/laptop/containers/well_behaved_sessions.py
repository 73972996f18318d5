#!/usr/bin/env python3
"""Without a fault: it has sessions, for as long as it runs."""

import secrets
import time

from well_behaved import Container, Handler, Refused, main

SESSION = "X-Amzn-SageMaker-Session-Id"


class Announcing(Handler):
    status = 0

    def send_answer(self, status, kind, answer):
        self.status = status
        super().send_answer(status, kind, answer)

    def end_headers(self):
        if self.path == "/invocations" and self.status == 200 and self.headers.get(SESSION) == "NEW_SESSION":
            self.send_header("X-Amzn-SageMaker-New-Session-Id", self.server.container.announcement())
        super().end_headers()


class Sessions(Container):
    handler = Announcing
    seconds = 3600

    def __init__(self):
        super().__init__()
        self.known = set()

    def announcement(self):
        id = secrets.token_hex(16)
        self.known.add(id)
        expires = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + self.seconds))
        return f"{id}; Expires={expires}"

    def invocations(self, body, headers):
        if not self.knows(headers.get(SESSION, "NEW_SESSION")):
            raise Refused(400, "There is no such session. Ask for a new one.")
        return super().invocations(body, headers)

    def knows(self, id):
        return id == "NEW_SESSION" or id in self.known


if __name__ == "__main__":
    main(Sessions())
