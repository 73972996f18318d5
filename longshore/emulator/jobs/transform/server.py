"""One instance of a transform job: the model's containers, and what they want of it (C1)."""

from __future__ import annotations

import json
import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import urllib3

from longshore import limits
from longshore.emulator import opt_ml
from longshore.emulator.containers import Launched
from longshore.emulator.faults import Failure
from longshore.emulator.jobs.control import Control
from longshore.emulator.jobs.transform.wire import Address
from longshore.emulator.parts import Part, parts
from longshore.emulator.platform import Platform
from longshore.engines.base import Container, NoAnswer
from longshore.errors import UserError

LOG_GROUP = "/aws/sagemaker/TransformJobs"
_PING_EVERY_SECONDS = 0.1
_DEATH_SECONDS = 0.05  # a connection breaks a little before its process is known to have ended


class TransformInstance:
    """A context manager: its containers are gone when it ends."""

    def __init__(
        self, platform: Platform, job: str, model: dict[str, Any], environment: dict[str, str], folder: Path
    ) -> None:
        self.id = f"i-{secrets.token_hex(8)}"
        self._platform = platform
        self._stream = f"{job}/{self.id}-{int(time.time())}"
        self._model = model
        self._environment = environment
        self._folder = folder / self.id
        self._launched: list[Launched] = []

    def __enter__(self) -> TransformInstance:
        return self

    def __exit__(self, *_: object) -> None:
        for launched in self._launched:
            launched.remove()

    @property
    def addresses(self) -> list[Address]:
        """Where its containers answer, in the order in which a request goes through them."""
        found = [launched.running.address for launched in self._launched]
        return [address for address in found if address is not None]

    def start(self, control: Control) -> None:
        """Lay out, start, and wait for a good ping of each (A9); Failure where it does not come to that."""
        made_of = parts(self._model)
        for number, part in enumerate(made_of, 1):
            control.check()
            stream = self._stream if len(made_of) == 1 else f"{self._stream}/{part.name}"
            self._start(part, self._folder / str(number), stream)
        deadline = time.monotonic() + limits.STARTUP_SECONDS
        for launched in self._launched:
            self._wait_healthy(launched, deadline, control)

    def stop(self) -> None:
        """SIGTERM, 30 s, SIGKILL (A3)."""
        with ThreadPoolExecutor(max(1, len(self._launched))) as pool:
            list(pool.map(lambda launched: launched.running.stop(limits.STOP_SECONDS), self._launched))

    def execution_parameters(self) -> dict[str, Any]:
        """What the first container wants (C1); nothing where it has no opinion."""
        answer = self._get(self.addresses[0], "/execution-parameters")
        if answer is None or answer.status != 200:
            return {}
        try:
            wanted = json.loads(answer.data)
        except ValueError:
            wanted = None
        if not isinstance(wanted, dict):
            raise Failure("ClientError: /execution-parameters answered 200 with what is no JSON object.")
        return wanted

    def ended(self) -> str:
        """Which container has ended, for a sentence; nothing where all run."""
        for launched in self._launched:
            code = launched.running.wait(_DEATH_SECONDS)
            if code is not None:
                launched.all_lines_read(1.0)
                return f" The container has ended with exit code {code}. {' | '.join(launched.tail(3))}"
        return ""

    def data_log(self, text: str) -> None:
        """A line about the data, where SageMaker writes such lines."""
        line = f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime())}:[sagemaker logs]: {text}"
        self._platform.books.log(LOG_GROUP, f"{self._stream}/data-log", [(time.time(), line)])

    def _start(self, part: Part, folder: Path, stream: str) -> None:
        definition = part.definition
        opt_ml.fetch_model(self._platform.books, definition, folder / "model", self._platform.check_running)
        isolated = self._model.get("EnableNetworkIsolation", False)
        container = Container(
            image=definition["Image"],
            arguments=("serve",),
            environment={
                **self._platform.container_environment(definition["Image"], isolated=isolated),
                **definition.get("Environment", {}),
                **self._environment,
                **part.environment,
            },
            mounts=opt_ml.mounts(definition["Image"], folder, ("model", True)),
            port=part.port,
            isolated=isolated,
        )
        try:
            self._launched.append(self._platform.fleet.start(container, LOG_GROUP, stream))
        except NoAnswer:
            raise
        except UserError as error:
            raise Failure(f"ClientError: The container could not be started. {error}") from None

    def _wait_healthy(self, launched: Launched, deadline: float, control: Control) -> None:
        address = launched.running.address
        assert address is not None
        while True:
            answer = self._get(address, "/ping")
            if answer is not None and answer.status == 200:
                return
            if (code := launched.running.wait(_PING_EVERY_SECONDS)) is not None:
                launched.all_lines_read(1.0)
                raise Failure(
                    f"AlgorithmError: the container ended with exit code {code} before it passed the ping"
                    f" health check. Its last lines: {' | '.join(launched.tail())}"
                )
            if time.monotonic() > deadline:
                raise Failure(
                    "AlgorithmError: the container did not pass the ping health check within"
                    f" {limits.STARTUP_SECONDS:.0f} s. Its last lines: {' | '.join(launched.tail())}"
                )
            control.check()

    @staticmethod
    def _get(address: Address, path: str) -> urllib3.BaseHTTPResponse | None:
        with urllib3.PoolManager(retries=False) as pool:
            try:
                return pool.request(
                    "GET", f"http://{address[0]}:{address[1]}{path}", timeout=limits.PING_SECONDS
                )
            except (urllib3.exceptions.HTTPError, OSError):
                return None
