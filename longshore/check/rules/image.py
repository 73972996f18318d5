"""An image's configuration and files (A1 to A7, B7, F3, F4)."""

from __future__ import annotations

import json
from pathlib import PurePosixPath

from longshore import limits
from longshore.check.exchange import size_of
from longshore.check.rule import (
    Group,
    Outcome,
    Severity,
    failed,
    not_tried,
    passed,
    rule,
)
from longshore.check.session import Session
from longshore.engines.base import Container, Image
from longshore.errors import UserError

BIND_TO_PORT = "com.amazonaws.sagemaker.capabilities.accept-bind-to-port"
_INDEXES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
_DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_UNKNOWN_MANIFEST = (
    "this engine keeps images in containerd's store and does not say what a push would send (Docker 28 does)."
    " See the media type in: docker save IMAGE | tar -xO index.json"
)
_SECRETS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
_LOOK_SECONDS = 60.0
_NOT_THE_PROGRAM = ("/proc", "/sys", "/root", "/etc", "/var")


@rule(
    "A1-exec-form",
    Severity.WARNING,
    Group.IMAGE,
    "The entrypoint is in exec form",
    "In shell form the program gets neither SIGTERM nor the argument `serve`.",
    needs="image",
)
def exec_form(session: Session) -> Outcome:
    image = session.image()
    shown = _entrypoint(image)
    if image.entrypoint_is_shell:
        return failed(
            f"{shown}, which is the shell form: a shell runs the command",
            'Write it as a JSON list: ENTRYPOINT ["python", "serve.py"].',
        )
    return passed(shown)


def _entrypoint(image: Image) -> str:
    """Return the entrypoint as a Dockerfile has it."""
    if image.entrypoint is None:
        return "no ENTRYPOINT"
    return f"ENTRYPOINT {json.dumps(image.entrypoint, ensure_ascii=False)}"


@rule(
    "A2-no-tini",
    Severity.WARNING,
    Group.IMAGE,
    "The entrypoint is not tini",
    "tini takes `serve` and `train` for its own arguments.",
    needs="image",
)
def no_tini(session: Session) -> Outcome:
    image = session.image()
    if image.entrypoint and PurePosixPath(image.entrypoint[0]).name.startswith("tini"):
        return failed(_entrypoint(image), "Make the program the entrypoint.")
    return passed(_entrypoint(image))


@rule(
    "A4-root",
    Severity.NOTE,
    Group.IMAGE,
    "The image runs as root by default",
    "AWS's guide expects root; another user may lack permissions for what SageMaker mounts.",
    needs="image",
)
def root(session: Session) -> Outcome:
    user = session.image().user
    if user.partition(":")[0] not in ("", "0", "root"):
        return failed(f"USER {user}", "Remove USER from the Dockerfile; the program can drop its privileges.")
    return passed(f"USER {user or 'not set'}")


@rule(
    "A4-readable",
    Severity.WARNING,
    Group.IMAGE,
    "The program's files are readable for all users",
    "Serverless endpoints run the image as a user who owns no files.",
    needs="image",
    alone=True,
    not_on_host="a checkout's files get their modes in the image",
)
def readable(session: Session) -> Outcome:
    not_there = [word for path in _NOT_THE_PROGRAM for word in ("-path", path, "-prune", "-o")]
    look = ("/", "-xdev", *not_there, "-type", "f", "!", "-perm", "-o=r", "-print")
    try:
        running = session.engine.start(
            Container(session.name, look, entrypoint=("find",), isolated=True, user="0", owner=session.owner)
        )
    except UserError as error:
        return not_tried(f"needs `find` in the image: {error}")
    session.add(running)
    try:
        if running.wait(_LOOK_SECONDS) is None:
            return not_tried(f"listing the image's files took longer than {_LOOK_SECONDS:g} s")
        found = [line.text for line in running.lines() if line.stream == "stdout"]
        if running.exit_code() in (126, 127):
            return not_tried("needs `find` in the image")
    finally:
        session.remove(running)
    if found:
        shown = ", ".join(found[:5])
        return failed(f"{len(found)} files are not: {shown}", "In the Dockerfile: RUN chmod -R a+rX FOLDER")
    return passed()


@rule(
    "A5-no-credentials",
    Severity.WARNING,
    Group.IMAGE,
    "The image holds no AWS credentials in its environment",
    "They replace the role that SageMaker provides, and everyone with the image can read them.",
    needs="image",
)
def no_credentials(session: Session) -> Outcome:
    found = [name for name in _SECRETS if name in session.image().environment]
    if found:
        return failed(f"ENV {', '.join(found)}", "Remove them from the Dockerfile, and revoke the keys.")
    return passed()


@rule(
    "A7-label",
    Severity.NOTE,
    Group.IMAGE,
    "The image has the label accept-bind-to-port",
    "Endpoints with several containers require it.",
    needs="image",
    not_on_host="a checkout has no labels",
)
def label(session: Session) -> Outcome:
    value = session.image().labels.get(BIND_TO_PORT)
    shown = f"{BIND_TO_PORT}={value}" if value is not None else "it has no such label"
    if value == "true":
        return passed(shown)
    return failed(shown, f"Add LABEL {BIND_TO_PORT}=true if A7-bind-to-port passes.")


@rule(
    "B7-size",
    Severity.WARNING,
    Group.IMAGE,
    "The image is at most 10 GB",
    "Serverless endpoints accept no larger image, and every endpoint waits for its download.",
    needs="image",
    not_on_host="a checkout has no size",
)
def size(session: Session) -> Outcome:
    found = session.image().size
    if found is None:
        return not_tried("its size is not known")
    if found > session.options.image_bytes:
        return failed(size_of(found), "Use a multi-stage build to leave out what only the build needs.")
    return passed(size_of(found))


@rule(
    "F4-linux",
    Severity.ERROR,
    Group.IMAGE,
    "The image is for Linux on a processor SageMaker has",
    "Otherwise it exits at once: exec format error.",
    needs="image",
    not_on_host="a checkout has no platform",
)
def linux(session: Session) -> Outcome:
    system, architecture = session.image().operating_system, session.image().architecture
    shown = f"{system}/{architecture}"
    if system == "linux" and architecture in ("amd64", "arm64"):
        return passed(shown)
    return failed(shown, "Build it with: docker build --platform linux/amd64")


@rule(
    "F4-amd64",
    Severity.WARNING,
    Group.IMAGE,
    "The image is for amd64",
    "Only Graviton instances run arm64. An image built on a Mac without --platform is for arm64.",
    needs="image",
    not_on_host="a checkout has no platform",
)
def amd64(session: Session) -> Outcome:
    architecture = session.image().architecture
    if architecture == "amd64":
        return passed(architecture)
    return failed(str(architecture), "Unless it is for Graviton: docker build --platform linux/amd64")


@rule(
    "F4-manifest",
    Severity.ERROR,
    Group.IMAGE,
    "The image is one manifest, not an index with attestations",
    "SageMaker refuses an OCI index as an unsupported manifest media type.",
    needs="image",
    not_on_host="a checkout has no manifest",
)
def manifest(session: Session) -> Outcome:
    found = session.image().manifest
    if found is None:
        return not_tried(_UNKNOWN_MANIFEST)
    if found in _INDEXES:
        return failed(found, "docker build --provenance=false --sbom=false")
    return passed(found)


@rule(
    "F5-docker-manifest",
    Severity.ERROR,
    Group.IMAGE,
    "A push of the image sends a Docker manifest (schema 2)",
    "CreateModel refuses a single OCI manifest as an unsupported manifest media type.",
    needs="image",
    not_on_host="a checkout has no manifest",
)
def docker_manifest(session: Session) -> Outcome:
    found = session.image().manifest
    if found is None:
        return not_tried(_UNKNOWN_MANIFEST)
    if found in _INDEXES:
        return not_tried(f"{found}: see F4-manifest")
    if found == _DOCKER_MANIFEST:
        return passed(found)
    return failed(
        found,
        "docker buildx build --output type=docker,oci-mediatypes=false --provenance=false --sbom=false. "
        "Longshore's build_and_push.sh does so, and converts what an engine without buildx pushes.",
    )


@rule(
    "F3-name",
    Severity.WARNING,
    Group.IMAGE,
    "The image's name has at most 255 characters",
    "CreateModel refuses a longer URI, and the registry's name is added in front.",
    needs="image",
    not_on_host="a checkout has no image name",
)
def name(session: Session) -> Outcome:
    if len(session.name) > limits.IMAGE_URI_MAX:
        return failed(f"{len(session.name)} characters", "Shorten the repository's name or the tag.")
    return passed(f"{len(session.name)} characters")
