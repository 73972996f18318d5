"""How a job's own work says that the job has failed."""

from __future__ import annotations

from longshore import limits


class JobFailed(Exception):
    """The text is the job's FailureReason: which file or container, and why."""

    @property
    def reason(self) -> str:
        return str(self)[: limits.FAILURE_MAX]
