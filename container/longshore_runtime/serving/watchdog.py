"""Ends a worker that has decoded, computed or encoded for longer than MODEL_SERVER_TIMEOUT.

Nobody waits for that answer any more (nginx has said 504), and all later requests wait behind it.
gunicorn alone would not notice: its threaded workers tell it that they live from another thread.
"""

from __future__ import annotations

import contextlib
import faulthandler
import io
import os
import sys
import threading
import time
from collections.abc import Callable

from longshore_runtime import descriptors, logs
from longshore_runtime.runners.base import Step
from longshore_runtime.serving.blackbox import BlackBox

log = logs.get("watchdog")

_LOOK_SECONDS = 1.0
# So that nginx is the first to give up, and the caller gets its 504 rather than a 502.
_AFTER_NGINX_SECONDS = 0.5


def start(look: Callable[[], Step | None], timeout: int, box: BlackBox) -> None:
    """Watch in a thread, and measure this worker's memory, for whoever asks what it died of.

    look: gives the oldest step that runs, None when idle.
    A call that holds the interpreter's lock stops this thread, too: then gunicorn sends SIGABRT, and
    faulthandler (wsgi.py) writes the stacks from the signal's handler, which needs no lock.
    """

    def watch() -> None:
        while True:
            with contextlib.suppress(OSError):  # no descriptor may be free
                descriptors.restore()
                box.measure()
            time.sleep(_LOOK_SECONDS)
            step = look()
            if step is not None and time.monotonic() - step.began > timeout + _AFTER_NGINX_SECONDS:
                log.critical("%s has run for over %d s: ending this worker. Its stacks:", step.what, timeout)
                box.time_out()
                _show_stacks()
                os._exit(1)  # not sys.exit: the hung thread would be waited for

    threading.Thread(target=watch, name="watchdog", daemon=True).start()


def _show_stacks() -> None:
    if "gevent" in sys.modules:  # a greenlet that waits is on no thread's stack
        from gevent.util import print_run_info  # type: ignore[import-untyped]

        text = io.StringIO()
        print_run_info(file=text)
        descriptors.write_to_stderr(text.getvalue().encode(errors="backslashreplace"))
    else:
        faulthandler.dump_traceback(descriptors.stderr(), all_threads=True)
