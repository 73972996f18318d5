"""A server whose model (tests/models/gated*.py) waits for files, so that a test says what comes first."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import requests

from tests.support.metrics import samples
from tests.support.server import Server, wait_until


class Gated:
    """One worker. send() comes back once the worker has the request, open() lets those wait no longer."""

    def __init__(self, server: Server, pool: ThreadPoolExecutor) -> None:
        self.server = server
        self.pool = pool
        self.folder = server.ml_root / "model"

    def post(self, name: str, accept: str = "application/json", **item: Any) -> requests.Response:
        return self.server.post(
            {"name": name, **item}, Accept=accept, X_Amzn_SageMaker_Inference_Id=f"id-{name}"
        )

    def send(self, name: str, accept: str = "application/json", **item: Any) -> Future[requests.Response]:
        before = len(self.decoded())
        future = self.pool.submit(self.post, name, accept, **item)
        wait_until(lambda: len(self.decoded()) > before, f"{name} decoded")
        return future

    def stuck(self, name: str = "stuck", **item: Any) -> Future[requests.Response]:
        """A request whose call of the model has begun, and waits for open()."""
        future = self.send(name, **{"until": "open", **item})
        wait_until(lambda: [name] in self.calls(), f"the call of {name}")
        return future

    def open(self, waiting: int | None = None) -> None:
        """Let those that wait for it go on. waiting: not before so many are in the queue behind them."""
        if waiting is not None:
            name = "longshore_queue_length"
            wait_until(lambda: samples(self.server)[name] == waiting, f"{waiting} in the queue")
        (self.folder / "open").touch()

    def calls(self) -> list[list[str]]:
        """The names in each call of the model, in their order."""
        return self._lines("calls")

    def decoded(self) -> list[Any]:
        return self._lines("decoded")

    def _lines(self, name: str) -> list[Any]:
        file = self.folder / name
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


@contextlib.contextmanager
def gated(folder: Path, model: str = "gated", **variables: Any) -> Iterator[Gated]:
    server = Server(folder, model, **{"MODEL_SERVER_WORKERS": 1, **variables})
    (server.ml_root / "model").chmod(0o777)  # the worker may be somebody else
    with ThreadPoolExecutor(32) as pool, server:
        one = Gated(server, pool)
        try:
            yield one
        finally:
            one.open()
