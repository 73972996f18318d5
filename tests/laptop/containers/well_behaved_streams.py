#!/usr/bin/env python3
"""Without a fault: a prediction is streamed, a chunk for each row."""

from well_behaved import Container, Handler, main


class Streaming(Handler):
    def send_answer(self, status, kind, answer):
        if (self.path, status) != ("/invocations", 200):
            super().send_answer(status, kind, answer)
            return
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for part in self.parts(answer):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
        self.end()

    def parts(self, answer):
        return answer.splitlines(keepends=True)

    def end(self):
        self.wfile.write(b"0\r\n\r\n")


class Streams(Container):
    handler = Streaming


if __name__ == "__main__":
    main(Streams())
