"""What happens once, before the first task and after the last: folders opened, tarballs unpacked, emptied."""

from __future__ import annotations

import json
import os
import stat
import tempfile
import threading
from pathlib import Path

from longshore_runtime import logs
from longshore_runtime.algorithm_settings import AlgorithmSettings
from longshore_runtime.errors import StartError
from longshore_runtime.runners.algorithm import emptying, result
from longshore_runtime.runners.algorithm.archives import archive
from longshore_runtime.runners.algorithm.outcome import RESULT_FOLDER, TaskError
from longshore_runtime.runners.algorithm.program import users
from longshore_runtime.runners.algorithm.program.users import Identity
from longshore_runtime.runners.algorithm.s3 import fetch
from longshore_runtime.runners.algorithm.s3.client import S3, S3Error
from longshore_runtime.runners.algorithm.s3.object import put

log = logs.get("task")

_RESULT_KEY = f"{RESULT_FOLDER}/runtime_setup_result.json"


def prepare(settings: AlgorithmSettings, s3: S3, owner: tuple[int, int] | None) -> None:
    """Open the writable folders, fetch and unpack the tarballs. Raises StartError naming the variable.

    owner: the ids of the user and the group that get what is unpacked; None for ours.
    """
    for folder in settings.writable_directories:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(folder.stat().st_mode | 0o777)  # what it has beyond that, a sticky bit say, it keeps
        except OSError as error:  # SageMaker mounts some of them read-only
            log.warning("%s cannot be made writable: %s", folder, error.strerror)
    for variable, source, target in _tarballs(settings):
        try:
            _unpack(settings, s3, owner, source, target)
        except TaskError as error:
            raise StartError(
                variable, error.message, "Check the address, the role and the archive."
            ) from None
        except OSError as error:
            raise StartError(
                variable, f"{target} cannot be filled: {error.strerror}.", "Name another folder."
            ) from None


def refuse_unusable_folders(settings: AlgorithmSettings, work_dir: Path, identity: Identity) -> None:
    """Raises StartError for a folder that no task could use: better no start than failing tasks."""
    used = {
        "ALGORITHM_WORK_DIR": work_dir,
        "ALGORITHM_INPUT_PATH": settings.input_path,
        "ALGORITHM_OUTPUT_PATH": settings.output_path,
    }
    for variable, folder in used.items():
        if folder is not None:
            _refuse_unusable(variable, folder, identity)


def _refuse_unusable(variable: str, folder: Path, identity: Identity) -> None:
    """Raises StartError if we cannot write into this folder, or the program cannot enter it.

    A file or a link in its place is no fault here: the first task removes it.
    """
    why_not = None
    place = folder.parent if folder.is_symlink() or folder.is_file() else folder
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        why_not = f"cannot be made: {error.strerror}"
    else:
        if not os.access(place, os.R_OK | os.W_OK | os.X_OK):
            who = f"user {os.geteuid()}, as which the server runs"
            why_not = f"cannot be written to by {who}, or is on a file system that is read-only"
    if why_not is not None:
        raise StartError(
            variable, f"{folder} {why_not}.", "Name a folder that can be written to, or mount one there."
        )
    if identity.alone is None:
        return
    for above in (place.resolve(), *place.resolve().parents):
        if not above.stat().st_mode & stat.S_IXOTH:
            what = f"{folder} cannot be entered by the users that tasks run as: {above} is closed to others."
            remedy = f"Run chmod o+x {above}, name another folder, or set {users.VARIABLE}=root."
            raise StartError(variable, what, remedy)


def clean_up(settings: AlgorithmSettings) -> None:
    """Empty the folders that a tarball was unpacked into, and those that are named."""
    unpacked = [target for _, _, target in _tarballs(settings)]
    for folder in (*unpacked, *settings.post_clean_directories):
        try:
            emptying.empty(folder)
        except OSError as error:
            log.warning("%s cannot be emptied: %s", folder, error.strerror)


def leave_result(settings: AlgorithmSettings, s3: S3, failure: str | None) -> None:
    """Store how the start went, where a place for that is named; failure: a sentence, None for none.

    A failure to store it is logged: the log tells of the start as well.
    """
    if settings.runtime_output_bucket_name is None or settings.runtime_output_prefix is None:
        return
    content = json.dumps(
        {
            "return_code": 0 if failure is None else 1,
            "user_safe_error_message": failure or "",
            "sagemaker_shim_version": result.SHIM_VERSION,
        }
    ).encode()
    bucket, key = (
        settings.runtime_output_bucket_name,
        f"{settings.runtime_output_prefix.rstrip('/')}/{_RESULT_KEY}",
    )
    headers = result.headers(content, settings.signing_key_hex)
    try:
        put(s3, bucket, key, content, headers, f"storing {key}")
    except S3Error as error:
        log.error("the result of the start could not be stored: %s", error)


def _tarballs(settings: AlgorithmSettings) -> list[tuple[str, tuple[str, str], Path]]:
    """Variable, bucket and key, folder."""
    found = []
    if settings.model is not None:
        found.append(("ALGORITHM_MODEL", settings.model, settings.model_dest))
    if settings.ground_truth is not None:
        found.append(("ALGORITHM_GROUND_TRUTH", settings.ground_truth, settings.ground_truth_dest))
    return found


def _unpack(
    settings: AlgorithmSettings,
    s3: S3,
    owner: tuple[int, int] | None,
    source: tuple[str, str],
    target: Path,
) -> None:
    bucket, key = source
    stop = threading.Event()
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="longshore-", dir=settings.work_dir) as scratch:
        file = Path(scratch) / "archive"
        wanted = [fetch.Wanted(bucket, key, file, key)]
        limit = settings.transfer_timeout_seconds
        fetch.fetch(s3, wanted, fetch.Limits(1, None), settings.transfers, stop, seconds=limit)
        limits = archive.Limits(settings.max_files, None, settings.max_ratio)
        files = archive.unpack(file, target, key, limits, stop, strip_common=False, owner=owner)
    log.info("unpacked %d files of %.200s into %s", files, key, target)
