"""What runs in the child process for a model.py: its train(), called with the job's inputs.

`launch.py longshore_runtime.training.user_train PROGRAM_DIR REPORT_FD`. A failure goes to the report pipe as
the text for the failure file, and in full to stderr.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import signal
import sys
import traceback
from pathlib import Path
from types import FrameType

from longshore_runtime import descriptors, settings
from longshore_runtime.errors import StartError
from longshore_runtime.training import failure, inputs
from longshore_runtime.usercode import check_callable, load_module

PARAMETERS = ("channels", "hyperparameters", "model_dir")


def main(program_dir: Path, report_fd: int) -> int:
    """The exit code: 0; 1 for an exception; StartError's; what the user's code gives sys.exit()."""
    os.set_inheritable(report_fd, False)
    descriptors.keep()
    # A crash in native code says on stderr which Python line led to it.
    faulthandler.enable(descriptors.stderr())
    # Python's own answer to SIGTERM is to die on the spot: this way `finally:` and atexit still run.
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGHUP, _leave)
    try:
        current = settings.load(os.environ)
        job = inputs.read(current.ml_root)
        module = load_module(program_dir / "model.py")
        train = check_callable(module, "train", PARAMETERS)
        train(job.channels, job.hyperparameters, current.model_dir)
        report, code = "", 0
    except StartError as error:
        report, code = failure.describe(str(error)), error.exit_code
    except _Stopped as stopped:
        report, code = "", _exit_code(stopped)
    except SystemExit as exit_:
        code = _exit_code(exit_)
        report = failure.describe(f"train() called sys.exit({exit_.code!r}){_place(exit_, program_dir)}")
    except KeyboardInterrupt:
        report, code = "", 128 + signal.SIGINT
    except BaseException as error:  # noqa: BLE001  # whatever it is, it is reported
        _strip_our_frames(error)
        text = "".join(traceback.format_exception(error))
        descriptors.write_to_stderr(text.encode(errors="backslashreplace"))
        last = "".join(traceback.format_exception_only(error)).strip()
        report = failure.describe(f"{last}{_place(error, program_dir)}", text.strip().removesuffix(last))
        code = 1
    descriptors.give_back_streams()
    if code:
        with contextlib.suppress(OSError):  # the user's code has closed it: the code and stderr say enough
            os.write(report_fd, report.encode())
    return code


class _Stopped(SystemExit):
    """SIGTERM or SIGHUP came."""


def _leave(number: int, _frame: FrameType | None) -> None:
    raise _Stopped(128 + number)


def _exit_code(exit_: SystemExit) -> int:
    """What Python makes of it, but never a failure that the kernel's 8 bits would turn into a 0."""
    if exit_.code is None:
        return 0
    if isinstance(exit_.code, int):
        return exit_.code & 0xFF or int(exit_.code != 0)
    return 1


def _strip_our_frames(error: BaseException) -> None:
    """Begin the traceback at the user's first line."""
    ours = (f"{Path(__file__).parents[1]}{os.sep}", "<frozen importlib")
    while (trace := error.__traceback__) and trace.tb_frame.f_code.co_filename.startswith(ours):
        error.__traceback__ = trace.tb_next


def _place(error: BaseException, program_dir: Path) -> str:
    """Where in the user's code it came from: the innermost of their lines on the way to the error."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        file = Path(frame.filename)
        if file.is_relative_to(program_dir) and not file.is_relative_to(Path(__file__).parents[1]):
            return f" ({file.relative_to(program_dir)} line {frame.lineno}, in {frame.name})"
    return ""


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1]), int(sys.argv[2])))
