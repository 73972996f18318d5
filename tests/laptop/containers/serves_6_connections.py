#!/usr/bin/env python3
"""Takes no more than 6 connections at a time, idle or not, and lets few enough wait that a 72nd is not
accepted."""

import threading

from well_behaved import Container, Server, main


class Few(Server):
    places = threading.Semaphore(6)
    request_queue_size = 63  # one more than that can wait, and one is accepted that waits for a place

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


main(Faulty())
