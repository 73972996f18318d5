#!/usr/bin/env python3
"""Takes a WebSocket without proving that it has read the key."""

from well_behaved import main
from well_behaved_websockets import Upgrading, WebSockets


class Unread(Upgrading):
    def proof(self, key):
        return "eWVz"


class Faulty(WebSockets):
    handler = Unread


main(Faulty())
