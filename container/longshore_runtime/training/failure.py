"""The failure file: SageMaker shows its first 1,024 characters as the job's FailureReason (D6)."""

from __future__ import annotations

import contextlib
import sys
import tempfile
from pathlib import Path
from typing import IO

from longshore_runtime import contract
from longshore_runtime.errors import StartError

_RESERVE_BYTES = 4096  # at most 4 bytes a character, and one block of any usual file system


def describe(reason: str, detail: str = "") -> str:
    """The text for a failure file: the reason, then as much of the detail's end as there is room for."""
    # What UTF-8 cannot write, as half a surrogate pair, is spelt out here, where it counts as what it takes.
    reason, detail = (t.strip().encode(errors="backslashreplace").decode() for t in (reason, detail))
    reason = reason[: contract.FAILURE_REASON_MAX]
    room = contract.FAILURE_REASON_MAX - len(reason) - len("\n\n...\n")
    if len(detail) > room:  # the end of a traceback says more than its beginning
        whole_lines = detail[-max(room, 1) :].partition("\n")[2]
        detail = f"...\n{whole_lines}" if whole_lines else ""
    return f"{reason}\n\n{detail}".strip()


class FailureFile:
    """ml_root/output/failure. It holds back one block of the disk from the start, so that a job that
    failed because the disk is full can still say so.
    """

    def __init__(self, ml_root: Path) -> None:
        self.path = ml_root / "output" / "failure"
        self._reserve: IO[bytes] | None = None

    def prepare(self) -> None:
        """Remove what an earlier run left, which would be taken for this one's; StartError where that fails.

        A folder that cannot be written to is no reason not to train: write() will say it, if need be.
        """
        try:
            if self.path.exists():  # asked first: on a read-only disk even unlink(missing_ok=True) fails
                self.path.unlink()
        except OSError as error:
            raise StartError(
                str(self.path), f"an earlier run left it, and it cannot be removed: {error}.", "Remove it."
            ) from None
        with contextlib.suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._reserve = tempfile.TemporaryFile(buffering=0, dir=self.path.parent)  # noqa: SIM115  # see write()
            self._reserve.write(bytes(_RESERVE_BYTES))

    def write(self, text: str) -> None:
        """Print the reason, the text's first paragraph, on stderr and write all of it to the file.

        A reason that the user's own code has written there is left as it is. Never raises.
        """
        print(f"train failed: {text.partition(chr(10) * 2)[0]}", file=sys.stderr, flush=True)
        try:
            if self._reserve is not None:
                self._reserve.close()
            if self.path.is_file() and self.path.stat().st_size > 0:
                return
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_text(text, encoding="utf-8")
        except OSError as error:
            print(
                f"train: the reason could not be written to {self.path}: {error}", file=sys.stderr, flush=True
            )
