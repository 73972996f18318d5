#!/usr/bin/env python3
"""Its answers are chunked, and the last chunk is missing."""

from well_behaved import Container, Handler, main


class Endless(Handler):
    def send_answer(self, status, kind, answer):
        if (self.path, status) != ("/invocations", 200):
            super().send_answer(status, kind, answer)
            return
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(answer), answer))
        self.close_connection = True


class Faulty(Container):
    handler = Endless


main(Faulty())
