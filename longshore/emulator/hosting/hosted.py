"""One container of an instance: laid out, started, pinged, sent to, and ended."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import urllib3

from longshore.emulator import opt_ml
from longshore.emulator.containers import Launched
from longshore.emulator.faults import Failure
from longshore.emulator.hosting.kept import Answer, Pool
from longshore.emulator.hosting.multi_model import ModelCache
from longshore.emulator.parts import Part
from longshore.emulator.platform import Platform
from longshore.engines.base import Container
from longshore.errors import UserError
from longshore.limits import ACCEPT_SECONDS, PING_SECONDS, SERVERLESS_IMAGE_BYTES_MAX, STOP_SECONDS

_STARTING_PING_SECONDS = 0.5  # between two pings until the first good one
_POOL = 256  # connections kept
TARGET_MODEL = "X-Amzn-SageMaker-Target-Model"


@dataclass(frozen=True)
class Place:
    """Where a container belongs. folder: for what it sees below /opt/ml; its owner removes it."""

    endpoint: str
    variant: str
    log_stream: str
    folder: Path
    isolated: bool = False
    memory_mb: int | None = None

    @property
    def log_group(self) -> str:
        """Where SageMaker writes what it says."""
        return f"/aws/sagemaker/Endpoints/{self.endpoint}"

    @property
    def serverless(self) -> bool:
        """Whether the variant has no instances of its own, but a memory size."""
        return self.memory_mb is not None


class HostedContainer:
    """A container of a model. Thread-safe, from start() on."""

    def __init__(self, platform: Platform, part: Part, place: Place) -> None:
        self.name = part.name
        self.log_stream = place.log_stream
        self._platform = platform
        self._part = part
        self._place = place
        self._launched: Launched | None = None
        self._models: ModelCache | None = None
        self._pool: Pool | None = None

    @property
    def pool(self) -> Pool:
        """Connections to its port."""
        assert self._pool is not None
        return self._pool

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        assert self.pool.port is not None
        return self.pool.host, self.pool.port

    def start(self) -> None:
        """Lay out and start; Failure or UserError where it cannot be. It need not be healthy yet."""
        definition = self._part.definition
        folder = self._place.folder
        if self._place.serverless:
            self._check_size(definition["Image"])
        if self._part.is_multi_model:
            shown = "models"
        else:
            shown = "model"
            opt_ml.fetch_model(self._platform.books, definition, folder / shown, self._platform.check_running)
        container = Container(
            image=definition["Image"],
            arguments=("serve",),
            environment={
                **self._platform.container_environment(definition["Image"], isolated=self._place.isolated),
                **definition.get("Environment", {}),
                **self._part.environment,
            },
            mounts=opt_ml.mounts(definition["Image"], folder, (shown, True)),
            port=self._part.port,
            isolated=self._place.isolated,
            host_name=definition.get("ContainerHostname"),
            memory_mb=self._place.memory_mb,
        )
        self._launched = self._platform.fleet.start(container, self._place.log_group, self.log_stream)
        address = self._launched.running.address
        assert address is not None
        self._pool = Pool(*address, maxsize=_POOL, retries=False, timeout=PING_SECONDS)
        if self._part.is_multi_model:
            self._models = ModelCache(
                self._platform, self._place.endpoint, self._part, folder / shown, self._pool
            )

    def wait_healthy(self, deadline: float, seconds: float) -> None:
        """Wait for a good ping until the deadline, which is `seconds` after the start (A9); else Failure."""
        assert self._launched is not None
        what = f"The {self.name} container for production variant {self._place.variant}"
        while not self.ping():
            code = self._launched.running.wait(_STARTING_PING_SECONDS)
            if code is not None:
                raise Failure(
                    f"{what} {self.how_it_ended(code)} before it passed the ping health check."
                    f"{self.last_lines()}"
                )
            if time.monotonic() > deadline:
                settable = " (ContainerStartupHealthCheckTimeoutInSeconds)" * (not self._place.serverless)
                raise Failure(
                    f"{what} did not pass the ping health check within {seconds:.0f} s{settable}."
                    f"{self.last_lines()}"
                )
            self._platform.check_running()

    def ping(self) -> bool:
        """Whether it is well now (A8)."""
        timeout = urllib3.Timeout(connect=ACCEPT_SECONDS, total=PING_SECONDS)
        try:
            return bool(self.pool.request("GET", "/ping", timeout=timeout, redirect=False).status == 200)
        except (urllib3.exceptions.HTTPError, OSError):
            return False

    def send(self, headers: dict[str, str], body: bytes, deadline: float) -> Answer:
        """Its answer, whatever its status; urllib3's HTTPError where none came until the deadline.

        A multi-model container is made to load the model first; AwsError where it cannot.
        """
        if self._models is None:
            return self.pool.post("/invocations", headers, body, deadline)
        with self._models.using(headers[TARGET_MODEL], deadline) as model:
            while True:
                answer = self.pool.post(f"/models/{model}/invoke", headers, body, deadline)
                if answer.status != 507 or not self._models.make_room():
                    return answer

    def wait(self, seconds: float) -> int | None:
        """Wait until it ends, at most so long; its exit code, None while it runs."""
        assert self._launched is not None
        return self._launched.running.wait(seconds)

    def how_it_ended(self, code: int) -> str:
        """For a sentence."""
        assert self._launched is not None
        out_of_memory = self._launched.running.out_of_memory()
        why = " because it wanted more memory than it may have" * out_of_memory
        return f"ended with exit code {code}{why}"

    def last_lines(self) -> str:
        """What it said last, for a sentence."""
        if self._launched is None:
            return ""
        self._launched.all_lines_read(1.0)
        lines = self._launched.tail()
        return f" Its last lines: {' | '.join(lines)}" if lines else " It has written nothing."

    def stop(self) -> None:
        """SIGTERM, 30 s, SIGKILL (A3)."""
        if self._launched is not None:
            with suppress(UserError):  # the engine has gone, and the container with it
                self._launched.running.stop(STOP_SECONDS)

    def remove(self) -> None:
        """Away with it at once."""
        if self._models is not None:
            self._models.close()
        if self._launched is not None:
            self._launched.remove()
        if self._pool is not None:
            self._pool.close()

    def _check_size(self, image: str) -> None:
        size, most = self._platform.choose(image).image(image).size, SERVERLESS_IMAGE_BYTES_MAX
        if size is not None and size > most:
            raise Failure(
                f"Image size {size} is greater than supported size {most} (B7). Leave out of {image} what "
                "only its build needs, or use an endpoint with instances."
            )
