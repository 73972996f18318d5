"""Sets handlers in predict, and leaves them: one whose exception comes late, and one that ignores SIGTERM."""

import signal
import time
from pathlib import Path


class LateError(BaseException):
    """What the handler raises, whatever runs by then."""


def raise_late(number, frame):
    raise LateError("the alarm has come late")


def load(model_dir):
    return None


def predict(model, data):
    what = data.get("what")
    if what == "alarm":
        signal.signal(signal.SIGALRM, raise_late)
        signal.setitimer(signal.ITIMER_REAL, data["seconds"])
    elif what == "ignore SIGTERM":
        signal.signal(signal.SIGTERM, lambda number, frame: None)
    elif what == "sleep":
        time.sleep(data["seconds"])
    elif what == "wait for a file":
        while not Path(data["file"]).exists():
            time.sleep(0.01)
    return what
