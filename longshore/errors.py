"""The one error that is the user's to mend: caught in cli.main, and nowhere else."""

from __future__ import annotations


class UserError(Exception):
    """Where it is (a file, an option, a variable), what is wrong, and what to do about it.

    exit_code is what the command ends with: 2, as for a malformed command line, where nothing else is said.
    """

    def __init__(self, where: str, what: str, remedy: str, *, exit_code: int = 2) -> None:
        super().__init__(f"{where}: {what} {remedy}")
        self.where = where
        self.what = what
        self.remedy = remedy
        self.exit_code = exit_code
