"""Loads the runner, or says why it cannot and ends this process: a worker, or gunicorn's master."""

from __future__ import annotations

import os
import resource
import sys
import traceback
from typing import NoReturn

from longshore_runtime import contract, descriptors, logs
from longshore_runtime.errors import StartError
from longshore_runtime.runners import base
from longshore_runtime.serving import blackbox, draining, events, forking, fullness
from longshore_runtime.settings import Settings

log = logs.get("worker")

_STANDARD = (0, 1, 2)  # may be redirected
# Loaded in gunicorn's master, before the fork; None where each worker loads for itself.
shared: base.Runner | None = None
shared_seconds = 0.0  # how long that took


def load(settings: Settings) -> base.Runner:
    """Return the loaded runner. If it cannot load, report why to the supervisor and exit."""
    assert settings.run_dir is not None
    run_dir = settings.run_dir

    def report(why_not: str | None) -> None:
        events.send(run_dir, events.WorkerHealth(os.getpid(), why_not))

    state = _State()
    try:
        runner = base.choose(settings, contract.PROGRAM_DIR, report, blackbox.mine, fullness.mine)
        if settings.algorithm is not None:  # before the load, which may start a program and wait for it
            draining.watch(run_dir, lambda: runner.drain(contract.DRAIN_SECONDS))
        runner.load()
    except StartError as error:
        fail(settings, str(error))
    except BaseException:  # noqa: BLE001  # a load may raise anything, GeneratorExit and CancelledError included
        # The user's own: their traceback, untouched, is what helps them.
        what = "The program" if settings.algorithm else f"The model in {settings.model_dir}"
        fail(settings, f"{what} could not be loaded:\n{traceback.format_exc()}")
    finally:
        _end_a_fork(state.pid)
    descriptors.restore()
    sys.path.extend(folder for folder in state.path if folder not in sys.path)  # what we import later
    if settings.algorithm is None and (why_not := state.damage()):
        fail(settings, f"The model in {settings.model_dir} was loaded, but {why_not}")
    return runner


class _State:
    """What the server needs of this process, to be compared after the load."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.path = list(sys.path)
        self._descriptors = forking.descriptors()
        self._files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]

    def damage(self) -> str | None:
        """What the user's code has taken from the server, and what to do; None where nothing is missing."""
        files, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        if files < self._files:
            if most < self._files:
                return f"its code set the limit on open files to {most}: leave it at {self._files}."
            resource.setrlimit(resource.RLIMIT_NOFILE, (self._files, most))
        left = forking.descriptors()
        closed = [
            f"{number} ({target})"
            for number, target in self._descriptors.items()
            if number not in _STANDARD and left.get(number) != target
        ]
        if closed:
            return (
                f"its code closed descriptors of the server: {', '.join(closed[:3])}."
                " Have it close what it opened, and not all there are, as os.closerange() does."
            )
        return None


def _end_a_fork(pid: int) -> None:
    """End this process where it is a child in which a load has returned that began in its parent, `pid`."""
    if os.getpid() != pid:
        log.error("the model's code forked while it was loaded, and went on in the child: ending that one")
        os._exit(0)


def fail(settings: Settings, message: str) -> NoReturn:
    """Tell the supervisor why this process cannot serve, and exit."""
    assert settings.run_dir is not None
    try:
        events.send(settings.run_dir, events.LoadFailed(os.getpid(), message))
    except OSError:  # no descriptor is left for a socket
        descriptors.write_to_stderr(f"{message}\n".encode(errors="backslashreplace"))
    sys.exit(events.LOAD_FAILED_CODE)
