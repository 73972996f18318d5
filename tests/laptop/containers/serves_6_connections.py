#!/usr/bin/env python3
"""Takes no more than 6 connections at a time, idle or not, and lets few enough wait that a 72nd is not
accepted."""

import threading

from serves_32_connections import Few
from well_behaved import Container, main


class Fewer(Few):
    places = threading.Semaphore(6)
    request_queue_size = 63  # one more than that can wait, and one is accepted that waits for a place


class Faulty(Container):
    server_class = Fewer


main(Faulty())
