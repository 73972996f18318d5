"""What container/serve and container/train run: read the settings, do the work, return the exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from app import contract, logs
from app import settings as settings_module
from app.errors import StartError
from app.settings import Settings


def serve() -> int:
    """Serve until a signal or a failure ends it."""
    from app.serving.supervisor import Supervisor

    return _run("serve", lambda settings: Supervisor(settings, contract.PROGRAM_DIR, os.environ).run())


def train() -> int:
    """Train once."""
    from app.training import job

    return _run("train", lambda settings: job.run(settings, contract.PROGRAM_DIR))


def _run(name: str, work: Callable[[Settings], int]) -> int:
    """The one place where a StartError is caught: one message on stderr, and its exit code."""
    try:
        settings = settings_module.load(os.environ)
        logs.configure(settings.log_level)
        return work(settings)
    except StartError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return error.exit_code
