"""F4-manifest, by what an engine with containerd's image store says; older ones push no index."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from longshore.check.options import Options
from longshore.check.rule import Status
from longshore.check.rules import RULES
from longshore.check.runner import run
from longshore.check.session import Session
from longshore.engines.docker import DockerEngine

# As Docker 28 describes an image: of its configuration only what is not empty.
IMAGES = {
    "indexed": "application/vnd.oci.image.index.v1+json",
    "listed": "application/vnd.docker.distribution.manifest.list.v2+json",
    "single": "application/vnd.docker.distribution.manifest.v2+json",
}


class Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path.endswith("/version"):
            found: object = {"Version": "28.3.0", "ApiVersion": "1.51", "MinAPIVersion": "1.24"}
        elif self.path.endswith("/_ping"):
            found = "OK"
        else:
            name = self.path.split("/images/")[1].removesuffix("/json")
            found = {"Os": "linux", "Architecture": "amd64", "Descriptor": {"mediaType": IMAGES[name]}}
        body = json.dumps(found).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[DockerEngine]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever).start()
        monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{server.server_port}")
        yield DockerEngine()
        server.shutdown()


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("indexed", Status.FAILED),
        ("listed", Status.FAILED),
        ("single", Status.PASSED),
    ],
)
def test_an_index_is_found(name: str, status: Status, engine: DockerEngine) -> None:
    with Session(engine, name, Options()) as session:
        (result,) = run(session, [rule for rule in RULES if rule.id == "F4-manifest"])
    assert result.outcome.status is status
    assert result.outcome.evidence == IMAGES[name]
