"""Loads the runner, or says why it cannot and ends this process: a worker, or gunicorn's master."""

from __future__ import annotations

import os
import sys
import traceback
from typing import NoReturn

from longshore_runtime import contract
from longshore_runtime.errors import StartError
from longshore_runtime.runners import base
from longshore_runtime.serving import blackbox, draining, events, fullness
from longshore_runtime.settings import Settings

# Loaded in gunicorn's master, before the fork; None where each worker loads for itself.
shared: base.Runner | None = None
shared_seconds = 0.0  # how long that took


def load(settings: Settings) -> base.Runner:
    """The runner, loaded. Where it cannot be, the supervisor is told why, and this process exits."""
    assert settings.run_dir is not None
    run_dir = settings.run_dir

    def report(why_not: str | None) -> None:
        events.send(run_dir, events.WorkerHealth(os.getpid(), why_not))

    try:
        runner = base.choose(settings, contract.PROGRAM_DIR, report, blackbox.mine, fullness.mine)
        if settings.algorithm is not None:  # before the load, which may start a program and wait for it
            draining.watch(run_dir, lambda: runner.drain(contract.DRAIN_SECONDS))
        runner.load()
    except StartError as error:
        fail(settings, str(error))
    except BaseException:  # noqa: BLE001  # a load may raise anything; none is swallowed
        # The user's own: their traceback, untouched, is what helps them.
        what = "The program" if settings.algorithm else f"The model in {settings.model_dir}"
        fail(settings, f"{what} could not be loaded:\n{traceback.format_exc()}")
    return runner


def fail(settings: Settings, message: str) -> NoReturn:
    """Tell the supervisor why this process cannot serve, and exit."""
    assert settings.run_dir is not None
    events.send(settings.run_dir, events.LoadFailed(os.getpid(), message))
    sys.exit(events.LOAD_FAILED_CODE)
