"""AWS on loopback for the tests: moto answers for STS and ECR, a real registry takes what is pushed.

moto's ECR takes no push and names a registry that does not exist. So a layer in front of it puts the
name of the real one into its answers. The layer also notes each operation, and can refuse one.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Self

import requests
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server
from werkzeug.test import run_wsgi_app

from tests.support.server import free_port, wait_until

ACCOUNT = "123456789012"  # moto's
REGION = "eu-west-1"


class Registry:
    """A real registry that lets in who has the login that moto's ECR gives out, and nobody else."""

    # What htpasswd makes of the password that moto gives out: bcrypt, at its lowest cost.
    _HTPASSWD = "AWS:$2y$05$longshorelongshoreloneXPPk.0sdRnSxijVPCG/21v.8POSeaci\n"

    def __init__(self, folder: Path, *, read_only: bool = False) -> None:
        self.host = f"127.0.0.1:{free_port()}"
        self._folder = folder
        self._maintenance = {"maintenance": {"readonly": {"enabled": True}}} if read_only else {}

    @staticmethod
    def program() -> str | None:
        """Debian calls it docker-registry, its makers registry."""
        return shutil.which("docker-registry") or shutil.which("registry")

    def __enter__(self) -> Self:
        program = self.program()
        assert program is not None
        (self._folder / "htpasswd").write_text(self._HTPASSWD)
        config = {
            "version": 0.1,
            "log": {"level": "warn"},
            "storage": {"filesystem": {"rootdirectory": str(self._folder / "data")}} | self._maintenance,
            "http": {"addr": self.host},
            "auth": {"htpasswd": {"realm": "test", "path": str(self._folder / "htpasswd")}},
        }
        (self._folder / "config.yml").write_text(json.dumps(config))  # JSON is YAML too
        self._log = (self._folder / "log").open("wb")
        command = [program, "serve", str(self._folder / "config.yml")]
        self._process = subprocess.Popen(command, stdout=self._log, stderr=self._log)
        wait_until(self._answers, "the registry")
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()
        self._log.close()

    def _answers(self) -> bool:
        assert self._process.poll() is None, (self._folder / "log").read_text()
        try:
            return requests.get(f"http://{self.host}/v2/", timeout=5).status_code == 401
        except requests.ConnectionError:
            return False

    def get(self, path: str, accept: str = "*/*") -> Any:
        """The JSON at this path below /v2/, as one who is logged in."""
        login, headers = ("AWS", f"{ACCOUNT}-auth-token"), {"Accept": accept}
        answer = requests.get(f"http://{self.host}/v2/{path}", auth=login, headers=headers, timeout=10)
        return answer.json()

    def has_blob(self, repository: str, digest: str) -> bool:
        login, path = ("AWS", f"{ACCOUNT}-auth-token"), f"{repository}/blobs/{digest}"
        return requests.head(f"http://{self.host}/v2/{path}", auth=login, timeout=10).status_code == 200

    def tags(self, repository: str) -> set[str]:
        return set(self.get(f"{repository}/tags/list").get("tags") or [])

    def manifest(self, repository: str, tag: str) -> Any:
        """What the tag names: whichever of an image or an index of images the registry has."""
        docker = [f"application/vnd.docker.distribution.manifest.{kind}v2+json" for kind in ("", "list.")]
        oci = [f"application/vnd.oci.image.{kind}.v1+json" for kind in ("manifest", "index")]
        accept = ", ".join(docker + oci)
        return self.get(f"{repository}/manifests/{tag}", accept)


class Aws:
    """STS and ECR at `url`. operations: ECR's that were called, in order; refuse: those to deny."""

    def __init__(self, registry_host: str) -> None:
        self.operations: list[str] = []
        self.refuse: set[str] = set()
        self._registry = f"http://{registry_host}".encode()
        self._moto = DomainDispatcherApplication(create_backend_app)

    def __enter__(self) -> Self:
        self._server = make_server("127.0.0.1", 0, self._layer, threaded=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        requests.post(f"{self.url}/moto-api/reset", timeout=10).raise_for_status()
        self.operations.clear()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def environment(self, nothing: Path) -> dict[str, str]:
        """What points the AWS CLI and boto3 here, whatever this machine's own configuration."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_REGION": REGION,
            "AWS_CONFIG_FILE": str(nothing),
            "AWS_SHARED_CREDENTIALS_FILE": str(nothing),
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def _layer(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        operation = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]
        if operation:  # STS names its operations in the body, and is not of interest here
            self.operations.append(operation)
        if operation in self.refuse:
            start_response("400 Bad Request", [("Content-Type", "application/x-amz-json-1.1")])
            reason = f"User testing is not authorized to perform: ecr:{operation}"
            return [json.dumps({"__type": "AccessDeniedException", "message": reason}).encode()]
        chunks, status, headers = run_wsgi_app(self._moto, environ, buffered=True)
        body = re.sub(rb"https://\d+\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com", self._registry, b"".join(chunks))
        headers["Content-Length"] = str(len(body))
        start_response(status, list(headers))
        return [body]
