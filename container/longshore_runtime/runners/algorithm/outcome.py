"""How a task ends: a reason for programs, a sentence for people.

TaskError is what every step of a task raises where the task cannot go on; the runner writes it into the
result file. Its message may be shown to the user whose task it is: it names what they named (a path, a
key, a limit), never what is ours (addresses, credentials, tracebacks).
"""

from __future__ import annotations

from enum import StrEnum

# Below a task's prefix, what is ours and no output: the result file above all.
RESULT_FOLDER = ".sagemaker_shim"


class Reason(StrEnum):
    """Why a task has ended, as in the result file's `reason`."""

    OK = "ok"
    INPUT = "input"  # an input is missing, denied, too large, broken, or cannot be unpacked
    START = "start"  # the program cannot be started
    EXIT = "exit"  # the program ended with a code other than 0
    SIGNAL = "signal"  # the program was ended by a signal that we did not send
    TIMEOUT = "timeout"  # the program, or the transfers, outlasted their time
    OUTPUT = "output"  # an output cannot be read or stored
    STOPPED = "stopped"  # the server was told to stop while the task ran
    DISK = "disk"  # the disk is full
    INTERNAL = "internal"  # a fault of ours: the log has the rest


class TaskError(Exception):
    """The task ends here. message: one or two sentences, safe to show to the user."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
