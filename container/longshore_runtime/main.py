"""What container/serve, train and invoke run: read the settings, do the work, return the exit code.

The one place where a StartError of the start is caught: one message on stderr, and its exit code.
"""

from __future__ import annotations

import contextlib
import os
import sys

from longshore_runtime import contract, hiding, home, logs
from longshore_runtime import settings as settings_module
from longshore_runtime.errors import StartError


def serve() -> int:
    """Serve until a signal or a failure ends it."""
    from longshore_runtime.serving.supervisor import (
        Supervisor,  # here, so that training does without the server's modules
    )

    try:
        settings = settings_module.load(os.environ)
        logs.configure(settings.log_level)
        return Supervisor(settings, contract.PROGRAM_DIR, os.environ).run()
    except StartError as error:
        print(f"serve: {error}", file=sys.stderr)
        return error.exit_code


def train() -> int:
    """Train once. A failure's reason is in the failure file, too, where SageMaker looks for it (D6)."""
    from longshore_runtime.training import failure, job

    try:
        settings = settings_module.load(os.environ)
    except StartError as error:
        failed = failure.FailureFile(settings_module.ml_root(os.environ))
        with contextlib.suppress(
            StartError
        ):  # an old reason that cannot be removed: the new one is on stderr
            failed.prepare()
        failed.write(str(error))
        return error.exit_code
    logs.configure(settings.log_level)
    return job.run(settings, contract.PROGRAM_DIR)


def invoke() -> int:
    """Run the tasks that the command line names, one after the other."""
    from longshore_runtime.runners.algorithm import batch

    given = batch.arguments(sys.argv[1:])
    try:
        settings = settings_module.load({"RUNNER": "algorithm", **os.environ})
        logs.configure(settings.log_level)
        if settings.algorithm is None:
            raise StartError("RUNNER", "it is not 'algorithm', but only that runs tasks.", "Unset it.")
        with contextlib.ExitStack() as stack:
            os.environ.update(home.variables(os.environ, lambda: home.temporary(stack)))
            hiding.hide()
            return batch.run(settings.algorithm, given)
    except StartError as error:
        print(f"invoke: {error}", file=sys.stderr)
        return error.exit_code
