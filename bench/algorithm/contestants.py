"""Who is measured, and how each is told what to move."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.algorithm.jobs import VERBS, Job, name_of
from bench.servers import CONTAINER, HERE

OURS = "Longshore"
_AWS, _RCLONE = "AWS CLI", "rclone"
_REMOTE = "bench"  # rclone's name for the server

# As many at once as ours, in all that rclone does at once.
_AT_ONCE = ("--transfers=16", "--checkers=16", "--multi-thread-streams=16", "--s3-upload-concurrency=16")
# The second is what AWS's documentation names for more speed.
_AWS_SETTINGS = {
    _AWS: "",
    f"{_AWS}, 20 at once": "s3 =\n  max_concurrent_requests = 20\n",
}
# By verb: the flag of the one makes the other fail.
_NO_HEAD = {"fetch": "--s3-no-head-object", "store": "--s3-no-head"}
_RCLONE_FLAGS: Mapping[str, Mapping[str, Sequence[str]]] = {
    _RCLONE: dict.fromkeys(VERBS, ()),
    f"{_RCLONE}, 16 at once": dict.fromkeys(VERBS, _AT_ONCE),
    f"{_RCLONE}, 16 at once, no HEAD": {verb: (*_AT_ONCE, _NO_HEAD[verb]) for verb in VERBS},
}


@dataclass(frozen=True)
class Contestant:
    """command: of a transfer. nothing: a command that ends as soon as the program has started; None for a
    library, whose process says itself how long the transfer took."""

    name: str
    command: Callable[[Job], list[str]]
    nothing: tuple[str, ...] | None = None
    environ: Mapping[str, str] = field(default_factory=dict)


def everybody(folder: Path, url: str, keys: tuple[str, str]) -> list[Contestant]:
    """All that are compared, ours first. folder: for their settings; url, keys: of the S3 server."""
    ours = Contestant(OURS, lambda job: [*_module("ours"), *job.arguments()], environ=_modules())
    return [ours, *_aws(folder), *_boto3(), *_rclone(url, keys)]


def _aws(folder: Path) -> list[Contestant]:
    aws, found = program("aws"), []
    for number, (name, settings) in enumerate(_AWS_SETTINGS.items()):
        config = folder / f"aws-{number}"
        config.write_text(f"[default]\n{settings}")
        environ = {"AWS_CONFIG_FILE": str(config)}

        def command(job: Job) -> list[str]:
            remote, local = f"s3://{job.bucket}/{job.prefix}", f"{job.folder}/"
            many = ["--recursive"]
            if job.count == 1:
                many = []
                (remote, local) = (remote + name_of(0), local + name_of(0))
            pair = [local, remote] if job.verb == "store" else [remote, local]
            return [aws, "s3", "cp", "--only-show-errors", *many, *pair]

        found.append(Contestant(name, command, (aws, "--version"), environ))
    return found


def _boto3() -> list[Contestant]:
    def contestant(name: str, how: str) -> Contestant:
        return Contestant(name, lambda job: [*_module("sequence"), how, *job.arguments()], environ=_modules())

    return [
        contestant("boto3 in sequence, managed", "managed"),
        contestant("boto3 in sequence, plain", "plain"),
    ]


def _rclone(url: str, keys: tuple[str, str]) -> list[Contestant]:
    rclone = program("rclone")
    said = {"TYPE": "s3", "PROVIDER": "Rclone", "ENDPOINT": url}
    said |= {"ACCESS_KEY_ID": keys[0], "SECRET_ACCESS_KEY": keys[1]}
    environ = {f"RCLONE_CONFIG_{_REMOTE.upper()}_{name}": value for name, value in said.items()}
    environ["RCLONE_CONFIG"] = "/dev/null"

    def contestant(name: str, flags: Mapping[str, Sequence[str]]) -> Contestant:
        def command(job: Job) -> list[str]:
            remote = f"{_REMOTE}:{job.bucket}/{job.prefix}"
            pair = [str(job.folder), remote] if job.verb == "store" else [remote, str(job.folder)]
            always = ["--quiet", "--retries=1", "--s3-no-check-bucket"]
            return [rclone, "copy", *always, *flags[job.verb], *pair]

        return Contestant(name, command, (rclone, "version"), environ)

    return [contestant(name, flags) for name, flags in _RCLONE_FLAGS.items()]


def program(name: str) -> str:
    """The path of a program that a package of this venv has brought along."""
    return str(Path(sys.executable).with_name(name))


def _module(name: str) -> list[str]:
    return [sys.executable, "-m", f"bench.algorithm.{name}"]


def _modules() -> dict[str, str]:
    return {"PYTHONPATH": f"{CONTAINER}:{HERE.parent}"}
