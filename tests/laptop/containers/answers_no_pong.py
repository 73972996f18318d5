#!/usr/bin/env python3
"""Lets a WebSocket's pings go unanswered."""

from well_behaved import main
from well_behaved_websockets import Upgrading, WebSockets


class Silent(Upgrading):
    def answer_ping(self, payload):
        pass


class Faulty(WebSockets):
    handler = Silent


main(Faulty())
