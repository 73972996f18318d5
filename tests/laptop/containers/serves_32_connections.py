#!/usr/bin/env python3
"""Takes no more than 32 connections at a time, idle or not."""

import threading

from well_behaved import Container, Server, main


class Few(Server):
    places = threading.Semaphore(32)

    def process_request(self, request, client_address):
        self.places.acquire()
        super().process_request(request, client_address)

    def process_request_thread(self, request, client_address):
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.places.release()


class Faulty(Container):
    server_class = Few


if __name__ == "__main__":
    main(Faulty())
