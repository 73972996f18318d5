"""build_and_push.sh over the wire: moto as STS and ECR, a real engine, a real registry.

The script runs in a repository of its own with a Dockerfile of two lines, through the AWS CLI and
through boto3. The real image's build is the business of tests/end_to_end.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from tests.support import docker
from tests.support.aws import ACCOUNT, REGION, Aws, Registry
from tests.support.push_script import Script

DEAD_ENGINE = {"DOCKER_HOST": "tcp://127.0.0.1:9"}
DOCKER = "application/vnd.docker.distribution.manifest.v2+json"
OCI = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.docker.container.image.v1+json=application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip=application/vnd.oci.image.layer.v1.tar"
READS = {"GetAuthorizationToken", "DescribeRepositories"}


@pytest.fixture(scope="module")
def engine() -> None:
    if reason := docker.engine_missing():
        pytest.skip(f"Docker: {reason}")


@pytest.fixture
def registry(engine: None, tmp_path: Path) -> Iterator[Registry]:
    if Registry.program() is None:
        pytest.skip("no docker-registry is installed")
    folder = tmp_path / "registry"
    folder.mkdir()
    with Registry(folder) as running:
        yield running


@pytest.fixture
def aws() -> Iterator[Aws]:
    """AWS whose registry is not there: for all that ends before a push."""
    with Aws("127.0.0.1:9") as running:
        yield running


@pytest.fixture(params=["cli", "boto3"])
def either_way(request: pytest.FixtureRequest, tmp_path: Path) -> Script:
    """Through the AWS CLI, and through boto3 where there is no CLI."""
    if request.param == "cli":
        aws = shutil.which("aws")
        if aws is None or subprocess.run([aws, "--version"], capture_output=True).returncode != 0:
            pytest.skip("the AWS CLI is not installed")
    return Script(make(tmp_path / "repository"), request.param)


@pytest.fixture
def script(tmp_path: Path) -> Script:
    return Script(make(tmp_path / "repository"))


def make(folder: Path) -> Path:
    folder.mkdir()
    return folder


def repository(aws: Aws, name: str) -> dict[str, object]:
    """What ECR says of this repository."""
    ecr = boto3.client(
        "ecr",
        endpoint_url=aws.url,
        region_name=REGION,
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
    )
    found: dict[str, object] = ecr.describe_repositories(repositoryNames=[name])["repositories"][0]
    return found


def test_it_builds_creates_the_repository_and_pushes_two_tags(registry: Registry, either_way: Script) -> None:
    with Aws(registry.host) as aws:
        image = either_way.image
        run = either_way.run(aws, image)
        assert run.returncode == 0, run.stdout + run.stderr
        assert f"Account {ACCOUNT}, region {REGION}, partition aws" in run.stdout
        assert run.stdout.splitlines()[-1] == f"{registry.host}/{image}:latest"

        made = repository(aws, image)
        assert made["imageScanningConfiguration"] == {"scanOnPush": True}
        assert made["imageTagMutability"] == "MUTABLE"
        assert registry.tags(image) == {"latest", either_way.revision}
        pushed = [registry.manifest(image, tag) for tag in ("latest", either_way.revision)]
        assert pushed[0] == pushed[1]
        # One image, no index: SageMaker takes none (F4), nor OCI's manifests (F5).
        assert "manifests" not in pushed[0]
        assert pushed[0]["mediaType"] == DOCKER
        assert f"{registry.host}/{image}:latest is {DOCKER}" in run.stdout
        config = registry.get(f"{image}/blobs/{pushed[0]['config']['digest']}")
        assert (config["os"], config["architecture"]) == ("linux", "amd64")
        assert config["config"]["Labels"]["org.opencontainers.image.revision"] == either_way.revision

        aws.operations.clear()
        again = either_way.run(aws, image)
        assert again.returncode == 0, again.stderr
        assert set(aws.operations) == READS, "the repository is there already"


@pytest.mark.parametrize(
    "replacements",
    [(f"{DOCKER}={OCI}", CONFIG, f"{LAYER}+gzip"), (f'"mediaType": "{DOCKER}",=', CONFIG)],
    ids=["all parts", "layers of Docker, no type of its own"],
)
def test_an_oci_manifest_that_the_engine_pushed_is_replaced(
    registry: Registry, script: Script, replacements: tuple[str, ...]
) -> None:
    script.engine_that_pushes(OCI, *replacements)
    with Aws(registry.host) as aws:
        run = script.run(aws, script.image)
    assert run.returncode == 0, run.stdout + run.stderr
    for tag in ("latest", script.revision):
        manifest = registry.manifest(script.image, tag)
        parts = [manifest["config"], *manifest["layers"]]
        assert [part["mediaType"] for part in (manifest, *parts)] == [
            DOCKER,
            CONFIG.partition("=")[0],
            LAYER.partition("=")[0],
        ]
        for part in parts:
            assert registry.has_blob(script.image, part["digest"])


@pytest.mark.parametrize(
    ("media_type", "replacements", "said"),
    [
        (INDEX, (), ["use what was pushed as", INDEX, "without attestations"]),
        (OCI, (f"{DOCKER}={OCI}", CONFIG, f"{LAYER}+zstd"), ["convert the manifest", "gzip"]),
    ],
    ids=["an index", "layers that are not gzip"],
)
def test_a_pushed_manifest_that_cannot_be_converted_is_an_error(
    registry: Registry, script: Script, media_type: str, replacements: tuple[str, ...], said: list[str]
) -> None:
    script.engine_that_pushes(media_type, *replacements)
    with Aws(registry.host) as aws:
        run = script.run(aws, script.image)
    assert run.returncode == 1
    for part in said:
        assert part in run.stderr
    assert "Pushed." not in run.stdout


def test_immutable_tags_are_not_pushed_with_a_manifest_that_sagemaker_refuses(
    engine: None, aws: Aws, script: Script
) -> None:
    script.engine_that_pushes(OCI)
    run = script.run(aws, script.image, "--immutable")
    assert run.returncode == 1
    assert "cannot build for immutable tags" in run.stderr and "Install docker-buildx" in run.stderr
    assert set(aws.operations) == READS


def test_a_tag_of_ones_own_takes_the_place_of_latest(registry: Registry, script: Script) -> None:
    with Aws(registry.host) as aws:
        run = script.run(aws, script.image, "--tag", "v1")
        assert run.returncode == 0, run.stderr
        assert registry.tags(script.image) == {"v1", script.revision}


def test_immutable_tags_leave_out_latest_which_would_move(registry: Registry, script: Script) -> None:
    with Aws(registry.host) as aws:
        run = script.run(aws, script.image, "--immutable")
        assert run.returncode == 0, run.stderr
        assert repository(aws, script.image)["imageTagMutability"] == "IMMUTABLE"
        assert registry.tags(script.image) == {script.revision}
        # Said or not, the repository's tags are immutable from now on.
        (script.folder / "container" / "model.py").write_text("# changed")
        run = script.run(aws, script.image)
        assert run.returncode == 0, run.stderr
        assert registry.tags(script.image) == {script.revision, f"{script.revision}-dirty"}


def test_no_git_means_no_tag_of_a_revision(registry: Registry, script: Script) -> None:
    shutil.rmtree(script.folder / ".git")
    with Aws(registry.host) as aws:
        run = script.run(aws, script.image, GIT_CEILING_DIRECTORIES=str(script.folder.parent))
        assert run.returncode == 0, run.stderr
        assert registry.tags(script.image) == {"latest"}


def test_what_follows_two_dashes_goes_to_docker_build(registry: Registry, script: Script) -> None:
    (script.folder / "Dockerfile").write_text("ARG WHAT\nFROM scratch\nARG WHAT\nCOPY $WHAT /\n")
    with Aws(registry.host) as aws:
        run = script.run(aws, script.image, "--", "--build-arg", "WHAT=container/model.py")
        assert run.returncode == 0, run.stdout + run.stderr


def test_a_dry_run_prints_each_command_and_changes_nothing(aws: Aws, either_way: Script) -> None:
    """It needs no engine either."""
    image, revision = either_way.image, either_way.revision
    run = either_way.run(aws, image, "--dry-run", **DEAD_ENGINE)
    assert run.returncode == 0, run.stderr
    commands = [line for line in run.stdout.splitlines() if line.startswith("+ ")]
    expected = (
        rf"\+ .*docker .*build .*--platform linux/amd64 --tag {image}:latest .* \.",
        rf"\+ aws ecr create-repository --cli-input-json .*{image}.*scanOnPush.*",
        r"\+ docker login --username AWS --password-stdin 127.0.0.1:9",
        rf"\+ docker tag {image}:latest 127.0.0.1:9/{image}:latest",
        rf"\+ docker push 127.0.0.1:9/{image}:latest",
        rf"\+ docker tag {image}:latest 127.0.0.1:9/{image}:{revision}",
        rf"\+ docker push 127.0.0.1:9/{image}:{revision}",
    )
    assert len(commands) == len(expected)
    for command, pattern in zip(commands, expected, strict=True):
        assert re.fullmatch(pattern, command), command
    assert set(aws.operations) == READS
    assert "auth-token" not in run.stdout + run.stderr, "a login is no business of a log"


def test_a_client_with_buildx_makes_a_docker_manifest_without_attestations(aws: Aws, script: Script) -> None:
    """The client's own way of finding buildx is real; what it finds stands in, and builds nothing."""
    script.plugin(
        "buildx",
        """#!/bin/sh
[ "$1" != docker-cli-plugin-metadata ] || echo '{"SchemaVersion": "0.1.0", "Vendor": "a test"}'
""",
    )
    run = script.run(aws, script.image, "--dry-run")
    build = next(line for line in run.stdout.splitlines() if line.startswith("+ docker buildx build "))
    assert "--provenance=false --sbom=false" in build
    assert "--output type=docker\\,oci-mediatypes=false\\,compression=gzip" in build


# What goes wrong, with what it is asked and run with, and what its message must contain.
FAILURES: dict[str, tuple[list[str], dict[str, str], list[str]]] = {
    "an upper-case name": (["My-Image"], {}, ["use this name", "'My-Image'", "lower-case"]),
    "a name with a tag": (["image:v1"], {}, ["use this name", "'image:v1'"]),
    "a name that ends in a dash": (["image-"], {}, ["use this name", "'image-'"]),
    "a tag with a slash": (["image", "--tag", "a/b"], {}, ["use this tag", "'a/b'"]),
    "a tag without a value": (["image", "--tag"], {}, ["--tag needs a value"]),
    "an unknown option": (["image", "--push"], {}, ["no option --push", "--help"]),
    "two names": (["image", "latest"], {}, ["both 'image' and 'latest'"]),
    "no region": (["image", "--dry-run"], {"AWS_REGION": ""}, ["learn the region", "AWS_REGION"]),
    "a name too long": (["i" * 240, "--dry-run"], {}, ["use this name", "SageMaker takes 255", "shorter"]),
    "no engine": (["image"], DEAD_ENGINE, ["reach the Docker engine", "127.0.0.1:9", "Start Docker"]),
}


@pytest.mark.parametrize(("arguments", "variables", "said"), FAILURES.values(), ids=FAILURES.keys())
def test_a_failure_says_which_step_why_and_what_to_do(
    aws: Aws, script: Script, arguments: list[str], variables: dict[str, str], said: list[str]
) -> None:
    run = script.run(aws, *arguments, **variables)
    assert run.returncode == 1
    assert run.stderr.startswith("build_and_push.sh: cannot ")
    assert len(run.stderr.splitlines()) == 2
    for part in said:
        assert part in run.stderr
    assert "CreateRepository" not in aws.operations


def test_no_name_at_all_shows_the_usage(aws: Aws, script: Script) -> None:
    run = script.run(aws)
    assert run.returncode == 2
    assert run.stderr.startswith("Usage: ./build_and_push.sh IMAGE")


def test_missing_credentials_are_told_either_way(aws: Aws, either_way: Script) -> None:
    nobody = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
    run = either_way.run(aws, "image", "--dry-run", **nobody)
    assert run.returncode == 1
    assert "cannot learn the account: Unable to locate credentials" in run.stderr
    assert "aws configure" in run.stderr


def test_neither_the_cli_nor_boto3(aws: Aws, tmp_path: Path) -> None:
    run = Script(make(tmp_path / "repository"), "neither").run(aws, "image", "--dry-run")
    assert run.returncode == 1
    assert "neither the AWS CLI nor a Python with boto3" in run.stderr
    assert "make setup" in run.stderr


def test_without_curl_nothing_is_built(aws: Aws, tmp_path: Path) -> None:
    """What was pushed could not be read back."""
    run = Script(make(tmp_path / "repository"), "no curl").run(aws, "image", "--dry-run")
    assert run.returncode == 1
    assert "cannot find curl" in run.stderr


REFUSALS = {
    "GetAuthorizationToken": "ask ECR for a login",
    "DescribeRepositories": "look for the repository",
    "CreateRepository": "create the repository",
}


@pytest.mark.parametrize(("operation", "step"), REFUSALS.items(), ids=REFUSALS.keys())
def test_a_permission_that_is_missing_is_named(
    engine: None, aws: Aws, either_way: Script, operation: str, step: str
) -> None:
    aws.refuse.add(operation)
    run = either_way.run(aws, either_way.image)
    assert run.returncode == 1
    assert f"cannot {step}: An error occurred (AccessDeniedException)" in run.stderr
    assert f"ecr:{operation}" in run.stderr.splitlines()[-1]


def test_a_build_that_fails_leaves_nothing_on_aws(engine: None, aws: Aws, script: Script) -> None:
    (script.folder / "Dockerfile").write_text("FROM scratch\nCOPY no-such-file /\n")
    run = script.run(aws, script.image)
    assert run.returncode == 1
    assert "cannot build the image" in run.stderr
    assert "no-such-file" in run.stdout + run.stderr
    assert set(aws.operations) == READS


def test_a_registry_that_cannot_be_reached(engine: None, aws: Aws, script: Script) -> None:
    run = script.run(aws, script.image)
    assert run.returncode == 1
    assert "cannot log in to 127.0.0.1:9: " in run.stderr
    assert "refused" in run.stderr


def test_a_push_that_fails(engine: None, script: Script, tmp_path: Path) -> None:
    if Registry.program() is None:
        pytest.skip("no docker-registry is installed")
    with Registry(make(tmp_path / "registry"), read_only=True) as registry, Aws(registry.host) as aws:
        run = script.run(aws, script.image)
    assert run.returncode == 1
    assert f"cannot push {registry.host}/{script.image}:latest: docker push failed" in run.stderr
    assert "ecr:PutImage" in run.stderr


def test_immutable_is_refused_where_the_tags_are_mutable_already(
    engine: None, aws: Aws, script: Script
) -> None:
    script.run(aws, script.image)  # creates the repository, then finds no registry
    run = script.run(aws, script.image, "--immutable")
    assert run.returncode == 1
    assert "its tags are mutable" in run.stderr
    assert "put-image-tag-mutability" in run.stderr


def test_immutable_without_git_asks_for_a_tag(aws: Aws, script: Script) -> None:
    shutil.rmtree(script.folder / ".git")
    nowhere = {"GIT_CEILING_DIRECTORIES": str(script.folder.parent)}
    run = script.run(aws, script.image, "--immutable", "--dry-run", **nowhere)
    assert run.returncode == 1
    assert "Give --tag TAG." in run.stderr
