"""F4-manifest and F5-docker-manifest, by what engines of each version and image store say."""

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
    "oci": "application/vnd.oci.image.manifest.v1+json",
    "single": "application/vnd.docker.distribution.manifest.v2+json",
}
CONTAINERDS_STORE = [["driver-type", "io.containerd.snapshotter.v1"]]
CLASSIC_STORE = [["Backing Filesystem", "extfs"], ["Supports d_type", "true"]]


class Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path.endswith("/version"):
            found: object = {"Version": "28.3.0", "ApiVersion": "1.51", "MinAPIVersion": "1.24"}
        elif self.path.endswith("/_ping"):
            found = "OK"
        elif self.path.endswith("/info"):
            found = {"DriverStatus": self.server.store}  # type: ignore[attr-defined]
        else:
            name = self.path.split("/images/")[1].removesuffix("/json")
            found = {"Os": "linux", "Architecture": "amd64"}
            if name in IMAGES:  # Docker 28 and later, in containerd's store
                found = {**found, "Descriptor": {"mediaType": IMAGES[name]}}
        body = json.dumps(found).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadingHTTPServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever).start()
        monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{server.server_port}")
        yield server
        server.shutdown()


@pytest.mark.parametrize(
    ("name", "store", "index", "docker_manifest"),
    [
        ("indexed", CONTAINERDS_STORE, Status.FAILED, Status.NOT_TRIED),
        ("listed", CONTAINERDS_STORE, Status.FAILED, Status.NOT_TRIED),
        ("oci", CONTAINERDS_STORE, Status.PASSED, Status.FAILED),
        ("single", CONTAINERDS_STORE, Status.PASSED, Status.PASSED),
        ("undescribed", CONTAINERDS_STORE, Status.NOT_TRIED, Status.NOT_TRIED),
        ("undescribed", CLASSIC_STORE, Status.PASSED, Status.PASSED),
        ("undescribed", None, Status.PASSED, Status.PASSED),
    ],
)
def test_what_a_push_would_send_is_judged(
    name: str, store: object, index: Status, docker_manifest: Status, answers: ThreadingHTTPServer
) -> None:
    answers.store = store  # type: ignore[attr-defined]
    ids = ("F4-manifest", "F5-docker-manifest")
    with Session(DockerEngine(), name, Options()) as session:
        results = run(session, [rule for rule in RULES if rule.id in ids])
    assert [result.outcome.status for result in results] == [index, docker_manifest]
    for result in results:
        if name in IMAGES:
            assert IMAGES[name] in result.outcome.evidence
        elif result.outcome.status is Status.NOT_TRIED:
            assert "docker save IMAGE | tar -xO index.json" in result.outcome.evidence
