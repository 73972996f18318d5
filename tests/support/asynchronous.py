"""Asynchronous endpoints on the emulator whose container waits for the test (tests/hosted/waits.py)."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

from tests.support.emulator import EmulatorProcess
from tests.support.hosting import Hosting
from tests.support.server import wait_until

BUCKET = "async-bucket"
_numbers = itertools.count(1)


class Asynchronous:
    """One emulator's asynchronous hosting. folder: the gates, files that let the container answer."""

    def __init__(self, emulator: EmulatorProcess, folder: Path) -> None:
        self.emulator = emulator
        self.hosting = Hosting(emulator)
        self.folder = folder
        emulator.put(BUCKET)

    def config(self, at_once: int = 1, *, instances: int = 1, **output: Any) -> str:
        """A configuration; its OutputConfig has paths for answers and failures, and what is given."""
        return self.hosting.config(
            {
                "ModelName": self.hosting.model("waits", Environment={"FOLDER": str(self.folder)}),
                "InitialInstanceCount": instances,
            },
            AsyncInferenceConfig={
                "ClientConfig": {"MaxConcurrentInvocationsPerInstance": at_once},
                "OutputConfig": {
                    "S3OutputPath": f"s3://{BUCKET}/out",
                    "S3FailurePath": f"s3://{BUCKET}/failed/",
                    **output,
                },
            },
        )

    def endpoint(self, at_once: int = 1, **more: Any) -> str:
        """One that is in service."""
        name = self.hosting.create(self.config(at_once, **more))
        assert self.hosting.settled(name)["EndpointStatus"] == "InService"
        return name

    def name(self) -> str:
        """A new one, for a body that waits for its gate."""
        return f"gate-{next(_numbers)}"

    def open(self, gate: str) -> None:
        (self.folder / gate).touch()

    def put(self, body: bytes) -> str:
        """The URI of an object with this input."""
        key = f"in/{next(_numbers)}"
        self.emulator.put(BUCKET, **{key: body})
        return f"s3://{BUCKET}/{key}"

    def invoke(self, endpoint: str, body: str, **arguments: Any) -> dict[str, Any]:
        """InvokeEndpointAsync of an input in S3."""
        answer: dict[str, Any] = self.hosting.runtime.invoke_endpoint_async(
            EndpointName=endpoint, InputLocation=self.put(body.encode()), **arguments
        )
        return answer

    def began(self) -> list[str]:
        """The gates of the bodies that reached a container, in their order."""
        return [line.split()[0] for line in self._began()]

    def wait_begun(self, gate: str) -> int:
        """Until a container has it; the container's process."""

        def look() -> list[str]:
            return [line.split()[1] for line in self._began() if line.split()[0] == gate]

        return int(wait_until(look, f"{gate} reaches a container")[-1])

    def stored(self, uri: str) -> bytes:
        """An object, once it is there."""
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        wait_until(lambda: key in self.emulator.keys(bucket, key), f"{uri} is stored")
        return self.emulator.get(bucket, key)

    def _began(self) -> list[str]:
        file = self.folder / "began"
        return file.read_text().splitlines() if file.exists() else []
