"""What every operation has at hand, and what the emulator holds while it runs."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from longshore.emulator.books import Books
from longshore.emulator.containers import Fleet
from longshore.emulator.faults import AwsError, Failure
from longshore.emulator.hosting.latency import Latency
from longshore.emulator.jobs.control import RunningJobs
from longshore.emulator.records import Records
from longshore.engines.base import Choose

if TYPE_CHECKING:
    from longshore.emulator.gateway import Gateway
    from longshore.emulator.hosting.asynchronous.backlog import Backlogs
    from longshore.emulator.hosting.endpoints import Endpoints

_log = logging.getLogger("longshore.emulator")


@dataclass
class Platform:
    """The emulated SageMaker of one account and region.

    port: the emulator's own, on loopback. folder: for files of the moment, such as what is
    mounted at /opt/ml; who needs some makes a folder below it, and removes it. stopping: set when the
    emulator goes; whoever waits for something waits for this too.
    """

    account: str
    region: str
    port: int
    folder: Path
    books: Books
    records: Records
    fleet: Fleet
    choose: Choose
    stopping: threading.Event = field(default_factory=threading.Event)
    jobs: RunningJobs = field(default_factory=RunningJobs)
    latency: Latency = field(default_factory=Latency)
    endpoints: Endpoints = field(init=False)
    backlogs: Backlogs = field(init=False)
    gateway: Gateway = field(init=False)

    def __post_init__(self) -> None:
        # All need this module.
        from longshore.emulator.gateway import Gateway
        from longshore.emulator.hosting.asynchronous.backlog import Backlogs
        from longshore.emulator.hosting.endpoints import Endpoints

        self.endpoints = Endpoints(self)
        self.backlogs = Backlogs(self)
        self.gateway = Gateway(self)

    @property
    def address(self) -> str:
        """The emulator's own, for clients on this machine: 'http://127.0.0.1:4577'."""
        return f"http://127.0.0.1:{self.port}"

    def container_environment(self, image: str, *, isolated: bool) -> dict[str, str]:
        """What SageMaker sets in every container, where AWS is for it, and keys, which isolation takes (A5).

        The keys are no secret: they open this emulator alone.
        """
        keys = {"AWS_ACCESS_KEY_ID": "longshore", "AWS_SECRET_ACCESS_KEY": "longshore"}
        return {
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ENDPOINT_URL": self.gateway.address(image, isolated=isolated),
            **({} if isolated else keys),
        }

    def background(self, name: str, work: Callable[[], None]) -> threading.Thread:
        """Do work in a thread of its own. What it raises is logged; it should have told a record."""

        def run() -> None:
            try:
                work()
            except Exception:  # noqa: BLE001  # told in the log, and all else goes on
                if not self.stopping.is_set():
                    _log.exception("%s failed", name)

        thread = threading.Thread(target=run, name=name, daemon=True)
        thread.start()
        return thread

    def check_running(self) -> None:
        """Failure if the emulator is ending. To be called between slow steps."""
        if self.stopping.is_set():
            raise Failure("The emulator was stopped.")

    def check_role(self, arn: str | None) -> None:
        """AwsError where SageMaker could not assume the role (F1)."""
        if arn is None:
            return
        trust = self.books.trust_of_role(arn)
        if trust is None or "sagemaker.amazonaws.com" not in trust:
            raise AwsError(
                "ValidationException",
                f"Could not assume role {arn}. Please ensure that the role exists and allows principal "
                "'sagemaker.amazonaws.com' to assume the role.",
            )
