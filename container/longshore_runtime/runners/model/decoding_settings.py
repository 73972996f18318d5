"""The built-in decoders as a server's settings and its model file want them."""

from __future__ import annotations

from pathlib import Path

from longshore_runtime import logs, machine, once
from longshore_runtime.errors import StartError
from longshore_runtime.runners.model import decoding_csv
from longshore_runtime.runners.model.decoding import Decoder
from longshore_runtime.settings import Settings

log = logs.get("model")

_LEAST_MEMORY = 64 * 2**20


def decoder(settings: Settings, csv_header: object, path: Path) -> Decoder:
    """Return the decoders of one worker.

    Args:
        csv_header: the model file's attribute of this name, None without one.
        path: the model file.

    Raises:
        StartError: csv_header is something else than True, False or None.
    """
    return Decoder(_csv_header(settings, csv_header, path), _memory(settings), _Report(settings.run_dir))


def _csv_header(settings: Settings, csv_header: object, path: Path) -> str:
    if csv_header is not None and not isinstance(csv_header, bool):
        raise StartError(
            f"csv_header in {path}",
            f"{csv_header!r:.100} is not allowed.",
            "Make it True (the first row of CSV names the columns) or False, or remove it.",
        )
    if settings.model.csv_header is not None:
        return settings.model.csv_header
    if settings.model.batch_transform:
        # A file split into lines has its header in the first request only: all others would lose a record.
        if csv_header and once.first(settings.run_dir, "csv_header_in_a_batch"):
            log.warning(
                "csv_header = True in %s does not count in a batch transform job, where most requests have no"
                " header. If each request of this job has one, set MODEL_SERVER_CSV_HEADER=present.",
                path,
            )
        return decoding_csv.ABSENT
    if csv_header is not None:
        return decoding_csv.PRESENT if csv_header else decoding_csv.ABSENT
    return decoding_csv.GUESS


def _memory(settings: Settings) -> int:
    """Half of this container's memory is for bodies: the models and the answers need the other half."""
    if settings.model.max_decoded_mb is not None:
        return settings.model.max_decoded_mb * 2**20
    return max(_LEAST_MEMORY, machine.memory_limit() // 2 // settings.workers)


class _Report:
    """Logs the first guess of a header: one line, of whichever worker guesses first."""

    def __init__(self, run_dir: Path | None) -> None:
        self._run_dir = run_dir
        self._done = False

    def __call__(self, columns: tuple[str, ...]) -> None:
        if self._done:
            return
        self._done = True
        if once.first(self._run_dir, "guessed_a_header"):
            log.warning(
                "guessed a CSV header: the first row (%.200s) names the columns, since all other rows are"
                " numbers. Decide it by csv_header = True or False in the model file, by"
                " MODEL_SERVER_CSV_HEADER, or by header=present or absent in the Content-Type. Logged once.",
                ", ".join(columns),
            )
