"""build_and_push.sh in a git repository of its own, with a Dockerfile of two lines."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.support import docker
from tests.support.aws import Aws
from tests.support.server import CHECKOUT, PATIENCE

_PUSHES_OCI = """
import json, os, subprocess, sys
real, media_type, replacements = json.loads(SETTINGS)
if sys.argv[1] == "info":
    print('[["driver-type","io.containerd.snapshotter.v1"]]')
    sys.exit()
code = subprocess.run([real, *sys.argv[1:]]).returncode
if sys.argv[1] != "push" or code != 0:
    sys.exit(code)
import requests
host, _, rest = sys.argv[2].partition("/")
name, _, tag = rest.rpartition(":")
url, login = f"http://{host}/v2/{name}/manifests/{tag}", ("AWS", "123456789012-auth-token")
docker = "application/vnd.docker.distribution.manifest.v2+json"
text = requests.get(url, auth=login, headers={"Accept": docker}).text
for old, new in replacements:
    text = text.replace(old, new)
if media_type.endswith("index.v1+json"):
    pushed = requests.get(url, auth=login, headers={"Accept": docker})
    digest = pushed.headers["Docker-Content-Digest"]
    one = {"mediaType": docker, "digest": digest, "size": len(pushed.content)}
    text = json.dumps({"schemaVersion": 2, "mediaType": media_type, "manifests": [one]})
requests.put(url, text, auth=login, headers={"Content-Type": media_type}).raise_for_status()
"""


class Script:
    """The script in a git repository of its own, on a PATH with the AWS CLI or without it."""

    def __init__(self, folder: Path, way: str = "boto3") -> None:
        self.folder = folder
        self._docker_config = folder.parent / "docker"
        self.image = f"longshore-test/{folder.name.lower().replace('_', '-').strip('-')}"
        shutil.copy(CHECKOUT / "build_and_push.sh", folder)
        (folder / "container").mkdir()
        (folder / "container" / "model.py").touch()
        (folder / "Dockerfile").write_text("FROM scratch\nCOPY container /\n")
        self.git("init", "--quiet")
        self.git("add", "--all")
        self.git(
            "-c", "user.name=test", "-c", "user.email=test@localhost", "commit", "--quiet", "--message=x"
        )
        self.revision = self.git("rev-parse", "--short=12", "HEAD")
        hidden = {
            "cli": set[str](),
            "boto3": {"aws"},
            "neither": {"aws", "python3"},
            "no curl": {"curl"},
        }[way]
        self.path = path_without(hidden, folder.parent / f"{folder.name}-bin")

    def git(self, *arguments: str) -> str:
        command = ["git", "-C", str(self.folder), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    def plugin(self, name: str, text: str) -> None:
        """Give the docker command this plugin."""
        file = self._docker_config / "cli-plugins" / f"docker-{name}"
        file.parent.mkdir(parents=True)
        file.write_text(text)
        file.chmod(0o755)

    def engine_that_pushes(self, media_type: str, *replacements: str) -> None:
        """Stand in for an engine with containerd's image store: what the real one pushes becomes OCI.

        Args:
            media_type: Of the manifest that the tag names in the end.
            replacements: "old=new" for texts of the manifest.
        """
        folder = self.folder.parent / f"{self.folder.name}-engine"
        folder.mkdir()
        real = shutil.which("docker")
        settings = json.dumps([real, media_type, [text.split("=") for text in replacements]])
        (folder / "docker").write_text(f"#!{sys.executable}\nSETTINGS = {settings!r}\n{_PUSHES_OCI}")
        (folder / "docker").chmod(0o755)
        self.path = f"{folder}{os.pathsep}{self.path}"

    def run(self, aws: Aws, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run it from another folder; what it left of images in the engine goes."""
        nothing = self.folder.parent / "nothing"
        environ = {n: v for n, v in os.environ.items() if not n.startswith(("AWS_", "DOCKER_"))}
        environ |= {
            "PATH": self.path,
            "DOCKER_CONFIG": str(self._docker_config),
            "LC_ALL": "C.UTF-8",
        }
        environ |= aws.environment(nothing) | variables
        try:
            return subprocess.run(
                [self.folder / "build_and_push.sh", *arguments],
                cwd="/",
                env={name: value for name, value in environ.items() if value},
                capture_output=True,
                text=True,
                timeout=PATIENCE,
            )
        finally:
            if "DOCKER_HOST" not in variables and (left := images_named(self.image)):
                docker.docker("rmi", *left)


def images_named(part: str) -> list[str]:
    try:
        listed = docker.docker("images", "--format", "{{.Repository}}:{{.Tag}}", check=False).stdout.split()
    except FileNotFoundError:
        return []
    return [name for name in listed if part in name]


def path_without(hidden: set[str], folder: Path) -> str:
    """PATH, this Python first, without these commands: links to the rest replace a folder that has one."""
    kept = []
    folders = dict.fromkeys([str(Path(sys.executable).parent), *os.environ["PATH"].split(os.pathsep)])
    for number, name in enumerate(filter(os.path.isdir, folders)):
        original = Path(name)
        if any((original / command).exists() for command in hidden):
            links = folder / str(number)
            links.mkdir(parents=True)
            for file in original.iterdir():
                if file.name not in hidden:
                    (links / file.name).symlink_to(file)
            original = links
        kept.append(str(original))
    return os.pathsep.join(kept)
