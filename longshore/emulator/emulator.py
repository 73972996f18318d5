"""An emulator in this process: everything it is made of, started in order and ended in the opposite one."""

from __future__ import annotations

import json
import logging
import threading
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from longshore.emulator.books import Books
from longshore.emulator.books.additions import ROLE
from longshore.emulator.containers import Fleet
from longshore.emulator.guard import Guard
from longshore.emulator.jobs import interrupt
from longshore.emulator.jobs.abandoned import fail_abandoned
from longshore.emulator.owners import Owner
from longshore.emulator.page.routes import PAGE
from longshore.emulator.platform import Platform
from longshore.emulator.records import Records
from longshore.emulator.same_user import SameUser
from longshore.emulator.server import LOOPBACK, Front, Server
from longshore.emulator.state import State
from longshore.emulator.tagging import get_resources
from longshore.engines.choose import choose, named
from longshore.errors import UserError

_log = logging.getLogger("longshore.emulator")

_TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}


class Emulator:
    """Answers on its port as soon as this is made; UserError where the port or the state cannot be had.

    Attributes:
        removed: the names of what a killed emulator had left, and this one has removed.
        same_user: admits connections of processes of this machine.
    """

    def __init__(self, port: int, account: str, region: str, state: Path | None = None) -> None:
        # What was begun ends in the opposite order, after a failure here as in close().
        with ExitStack() as undo:
            kept = State(state, account, region) if state else None
            if kept is not None:
                kept.load()
            owner = Owner()
            undo.callback(owner.close)
            books = Books(account, region, (state or owner.folder) / "objects", keep=kept is not None)
            undo.callback(books.shelf.close)
            undo.callback(books.close)
            records = Records(account, region)
            books.operations["tagging:GetResources"] = partial(get_resources, records)
            if kept is not None:
                kept.restore(books, records)
                fail_abandoned(records)
            self.same_user = SameUser()
            server = Server(port, self.same_user.refusal)
            undo.callback(server.stop)
            self.removed = _bury_the_dead(owner)
            fleet = Fleet(choose, books, owner)
            self.platform = Platform(
                account=account,
                region=region,
                port=server.port,
                folder=owner.folder,
                books=books,
                records=records,
                fleet=fleet,
                choose=choose,
            )
            books.create_role(ROLE, json.dumps(_TRUST))
            if kept is not None:
                kept.keep(books, records)
                undo.callback(kept.close, books, records)
            undo.callback(fleet.close)
            undo.callback(self.platform.gateway.stop)
            undo.callback(server.stop)  # once more, because requests end before containers
            undo.callback(self.platform.stopping.set)
            front = Front(self.platform, {**PAGE, interrupt.PATH: interrupt.interrupt})
            server.wsgi_app = Guard(front, LOOPBACK, server.port)
            threading.Thread(target=server.serve, name="server", daemon=True).start()
            self.platform.endpoints.resume()
            self.platform.backlogs.resume()
            self._undo = undo.pop_all()

    @property
    def role(self) -> str:
        """The ARN of the role that is there from the start."""
        return f"arn:aws:iam::{self.platform.account}:role/{ROLE}"

    def close(self) -> None:
        """Take no more requests, end all containers, and remove every file that is not the state's.

        Raises:
            UserError: if the state could not be written; all else is done.
        """
        self._undo.close()


def _bury_the_dead(owner: Owner) -> list[str]:
    """Remove what killed emulators left; what containers and processes that were, by name."""
    removed: list[str] = []
    for mark in owner.dead():
        try:
            for engine in owner.used(mark):
                removed += named(engine).clean(mark)
            owner.bury(mark)
        except UserError as error:
            _log.warning("What a killed emulator left could not be removed: %s", error)
    return removed
