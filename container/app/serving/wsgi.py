"""What each gunicorn worker imports: the predictor with its runner loaded, or a plain word and the end."""

from __future__ import annotations

import faulthandler
import os
import sys
import time
import traceback

from app import contract
from app import settings as settings_module
from app.errors import StartError
from app.runners import base
from app.serving import blackbox, draining, events, watchdog
from app.serving.flask_app import create_app
from app.settings import Settings


def _loaded(settings: Settings) -> base.Runner:
    """The runner, loaded. Where it cannot be, the supervisor is told why, and this worker exits."""
    assert settings.run_dir is not None
    run_dir = settings.run_dir

    def report(why_not: str | None) -> None:
        events.send(run_dir, events.WorkerHealth(os.getpid(), why_not))

    try:
        runner = base.choose(settings, contract.PROGRAM_DIR, report)
        if settings.algorithm is not None:  # before the load, which may start a program and wait for it
            draining.watch(run_dir, lambda: runner.drain(contract.DRAIN_SECONDS))
        runner.load()
    except StartError as error:
        message = str(error)
    except (Exception, SystemExit):  # noqa: BLE001  # a load may raise anything; none is swallowed
        # The user's own: their traceback, untouched, is what helps them.
        what = "The program" if settings.algorithm else f"The model in {settings.model_dir}"
        message = f"{what} could not be loaded:\n{traceback.format_exc()}"
    else:
        return runner
    events.send(run_dir, events.LoadFailed(os.getpid(), message))
    sys.exit(events.LOAD_FAILED_CODE)


# The stacks go to the log at a crash in native code, and when gunicorn ends a worker that hangs (SIGABRT).
faulthandler.enable()
_settings = settings_module.load(os.environ)
_started = time.monotonic()
_runner = _loaded(_settings)
load_seconds = time.monotonic() - _started
watchdog.start(_runner.busy_since, _settings.timeout, blackbox.mine)
application = create_app(_runner, _settings)
