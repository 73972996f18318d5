"""One training job, from its inputs to its exit code and failure file."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from pathlib import Path

from longshore_runtime import contract, home, launch, usercode
from longshore_runtime.errors import StartError
from longshore_runtime.settings import Settings
from longshore_runtime.training import environment, failure, inputs, program
from longshore_runtime.training.child import Child, Ended
from longshore_runtime.training.model_folder import ModelFolder

# What this process needs to report in before SageMaker's SIGKILL (D8).
_MARGIN_SECONDS = 5

_KILLED_BY: dict[int, str] = {
    signal.SIGKILL: "SIGKILL, probably out of memory: use less, or an instance with more of it",
    signal.SIGSEGV: "SIGSEGV: native code accessed memory that is not its own",
}


def run(
    settings: Settings, program_dir: Path, grace: int = contract.TRAINING_STOP_SECONDS - _MARGIN_SECONDS
) -> int:
    """Run train() of program_dir/model.py, or the program that SAGEMAKER_PROGRAM names.

    Returns the exit code (D7). 0: it trained. 1: an exception, or no disk space left. 2: it could not
    start, for something is missing or malformed. 128 + N: signal N killed it, or stopped it and it did
    not exit 0. Else the program's own code. Where it is not 0, the reason is on stderr and in the
    failure file (D6).

    SIGTERM, SIGINT and SIGHUP are passed on to the process group that trains, which then has `grace`
    seconds. Takes over these signals and SIGALRM, and reaps every child of this process: to be called
    by a process that does nothing else.
    """
    child = Child(grace)
    failed = failure.FailureFile(settings.ml_root)
    try:
        failed.prepare()
        with contextlib.ExitStack() as stack:
            code, text = _train(settings, program_dir, child, stack)
    except StartError as error:
        code, text = error.exit_code, failure.describe(str(error))
    if code:
        failed.write(text)
    return code


def _train(
    settings: Settings, program_dir: Path, child: Child, stack: contextlib.ExitStack
) -> tuple[int, str]:
    """The exit code, and the text for the failure file where it is not 0. stack: removes what was made."""
    for folder in (settings.model_dir, settings.ml_root / "output" / "data"):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StartError(str(folder), f"it cannot be made: {error}.", "Make it writable.") from None
    job = inputs.read(settings.ml_root)
    for channel in inputs.unlisted_channels(settings.ml_root):
        _warn(
            f"the folder {channel} is no channel: inputdataconfig.json does not list it, so it is not used."
        )
    model_folder = ModelFolder(settings.model_dir)
    found = program.find(settings, job, program_dir)
    folder, name = (found.folder, found.name) if found else (program_dir, "model.py")
    env = {"PYTHONUNBUFFERED": "1"} | os.environ | environment.variables(settings, job, folder, name)
    env |= home.variables(env, lambda: home.temporary(stack))
    if found:
        argv = [*program.command(found.file), *environment.arguments(job.hyperparameters)]
        env["PYTHONPATH"] = usercode.search_path([folder], env)
        ended = child.run(argv, env, cwd=folder)
    else:
        argv = launch.command("longshore_runtime.training.user_train", str(program_dir))
        ended = child.run(argv, env, cwd=program_dir, reports=True)
    name = found.name if found else "train()"
    code, text = _judge(ended, name, settings.model_dir, child.grace)
    if code == 0 and (warning := model_folder.warning(name)):
        _warn(warning)
    return code, text


def _warn(text: str) -> None:
    print(f"train: warning: {text}", file=sys.stderr, flush=True)


def _judge(ended: Ended, name: str, model_dir: Path, grace: int) -> tuple[int, str]:
    if ended.stopped_by and ended.code:
        reason = f"{name} was stopped by {ended.stopped_by.name}"
        if ended.outlasted:
            reason += f", did not end within {grace} s, and was killed"
        return 128 + ended.stopped_by, failure.describe(f"{reason}.", ended.report or ended.stderr)
    if ended.code < 0:
        killed_by = _KILLED_BY.get(-ended.code) or f"signal {-ended.code} ({signal.strsignal(-ended.code)})"
        return 128 - ended.code, failure.describe(f"{name} was killed by {killed_by}.", ended.stderr)
    if ended.code:
        if ended.report:
            return ended.code, ended.report
        return ended.code, failure.describe(f"{name} exited with code {ended.code}.", ended.stderr)
    if _is_full(model_dir):
        reason = (
            f"No disk space is left in {model_dir}: the model is not complete, though {name} exited with 0."
        )
        return 1, f"{reason} Use a larger volume."
    return 0, ""


def _is_full(folder: Path) -> bool:
    """Code that ignores its write errors leaves half a model and exits 0: the disk tells."""
    space = os.statvfs(folder)
    return space.f_blocks > 0 and space.f_bavail == 0
