"""build_and_push.sh in a git repository of its own, with a Dockerfile of two lines."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.support import docker
from tests.support.aws import Aws
from tests.support.server import CHECKOUT, PATIENCE


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
        hidden = {"cli": set[str](), "boto3": {"aws"}, "neither": {"aws", "python3"}}[way]
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
