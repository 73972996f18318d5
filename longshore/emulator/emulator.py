"""An emulator in this process: everything it is made of, started in order and ended in the opposite one."""

from __future__ import annotations

import json
import logging
import threading
from pathlib import Path

from longshore.emulator.books import Books
from longshore.emulator.containers import Fleet
from longshore.emulator.jobs import interrupt
from longshore.emulator.jobs.abandoned import fail_abandoned
from longshore.emulator.owners import Owner
from longshore.emulator.platform import Platform
from longshore.emulator.records import Records
from longshore.emulator.server import Front, Server
from longshore.emulator.state import State
from longshore.engines.choose import choose, engines
from longshore.errors import UserError

_log = logging.getLogger("longshore.emulator")

ROLE = "longshore"  # a role that is there from the start
_TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}


class Emulator:
    """Answers on its port as soon as this is made; UserError where the port or the state cannot be had.

    removed: the names of what a killed emulator had left, and this one has removed.
    """

    def __init__(self, port: int, account: str, region: str, state: Path | None = None) -> None:
        self._state = State(state, account, region) if state else None
        if self._state is not None:
            self._state.load()
        self._server = Server(port)
        self._owner = Owner()
        self.removed = self._bury_the_dead()
        books = Books(account, region, (state or self._owner.folder) / "objects", keep=state is not None)
        records = Records(account, region)
        if self._state is not None:
            self._state.restore(books, records)
            fail_abandoned(records)
        self.platform = Platform(
            account=account,
            region=region,
            address=f"http://127.0.0.1:{self._server.port}",
            folder=self._owner.folder,
            books=books,
            records=records,
            fleet=Fleet(choose, books, self._owner.mark),
            choose=choose,
        )
        books.create_role(ROLE, json.dumps(_TRUST))
        if self._state is not None:
            self._state.keep(books, records)
        self._server.wsgi_app = Front(self.platform, {interrupt.PATH: interrupt.interrupt})
        self._thread = threading.Thread(target=self._server.serve, name="server", daemon=True)
        self._thread.start()
        self.platform.endpoints.resume()

    @property
    def role(self) -> str:
        """The ARN of the role that is there from the start."""
        return f"arn:aws:iam::{self.platform.account}:role/{ROLE}"

    def close(self) -> None:
        """Take no more requests, end all containers, and remove every file that is not the state's."""
        self.platform.stopping.set()
        self._server.stop()
        self.platform.fleet.close()
        if self._state is not None:
            self._state.close(self.platform.books, self.platform.records)
        self.platform.books.shelf.close()
        self._owner.close()

    def _bury_the_dead(self) -> list[str]:
        removed: list[str] = []
        for mark in self._owner.dead():
            try:
                for engine in engines():
                    removed += engine.clean(mark)
                self._owner.bury(mark)
            except UserError as error:
                _log.warning("What a killed emulator left could not be removed: %s", error)
        return removed
