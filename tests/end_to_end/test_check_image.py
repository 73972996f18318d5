"""The checker on images: ours passes, and what is wrong with one that is badly made is found."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from longshore.check.options import Options
from longshore.check.payloads import CSV, Payload
from longshore.check.rule import Group, Rule
from longshore.check.rules import RULES
from longshore.check.rules.image import BIND_TO_PORT
from longshore.check.runner import Result, run
from longshore.check.session import Session
from longshore.engines.choose import choose
from tests.support.checks import CONTAINERS, failed, options, statuses
from tests.support.docker import Container, build, docker, inspect
from tests.support.sample import PAYLOAD

BADLY_MADE = """
ARG BASE_IMAGE
FROM ${BASE_IMAGE}
COPY well_behaved.py /opt/program/serve
RUN echo secret >/opt/program/weights && chmod 600 /opt/program/weights
ENV AWS_SECRET_ACCESS_KEY=abc LISTEN=0.0.0.0
LABEL com.amazonaws.sagemaker.capabilities.accept-bind-to-port=true
USER 1000
# It takes no notice of the port, nor of what follows the image's name.
ENTRYPOINT unset SAGEMAKER_BIND_TO_PORT; python3 /opt/program/serve serve
"""
WITH_TINI = """
ARG BASE_IMAGE
FROM ${BASE_IMAGE}
ENTRYPOINT ["/sbin/tini", "--"]
"""
# Nothing but a configuration: what can be told of an image without starting it.
EMPTY = """
FROM scratch
COPY Dockerfile /
ENTRYPOINT ["/serve"]
"""
# What it needs is a variable's to say, so that one image has either fault.
NEEDS_MUCH = """#!/usr/bin/env python3
import os, pwd, socket, sys

sys.path.insert(0, "/opt/program")
from well_behaved import Container, main
from well_behaved_websockets import WebSockets


class Faulty(WebSockets if os.environ["NEEDS"] == "a label" else Container):
    def load(self):
        if os.environ["NEEDS"] == "a user":
            pwd.getpwuid(os.getuid())
        if os.environ["NEEDS"] == "a network":
            socket.create_connection((os.environ["NEIGHBOUR"], 8080), timeout=2).close()
        super().load()


main(Faulty())
"""
WITH_NEEDS = """
ARG BASE_IMAGE
FROM ${BASE_IMAGE}
COPY well_behaved.py well_behaved_websockets.py needs_much.py /opt/program/
RUN chmod -R a+rX /opt/program
ENV LISTEN=0.0.0.0 PYTHONDONTWRITEBYTECODE=1
LABEL com.amazonaws.sagemaker.capabilities.accept-bind-to-port=true
ENTRYPOINT ["python3", "/opt/program/needs_much.py"]
"""
CLOSES_ITS_PORT = """
ARG BASE_IMAGE
FROM ${BASE_IMAGE}
COPY well_behaved.py odd_stop.py /opt/program/
ENV LISTEN=0.0.0.0 PYTHONDONTWRITEBYTECODE=1
ENTRYPOINT ["python3", "/opt/program/odd_stop.py"]
"""


def check(image: str, given: Options, rules: list[Rule]) -> list[Result]:
    engine = choose(image)
    with Session(engine, image, given) as session:
        results = run(session, rules)
    assert engine.clean(session.owner) == [], "it left something behind"
    return results


def test_our_image_passes(image: str, trained: Path) -> None:
    given = Options(
        payload=Payload(PAYLOAD.read_bytes(), CSV, "local_test"),
        model=trained / "model",
        training=trained / "input",
    )
    results = check(image, given, list(RULES))
    assert failed(results) == {}
    # All that can be asked of an image was asked. The sample refuses hyperparameters it does not know, and is
    # so quick to train that it may be done before it can be stopped.
    not_tried = {id for id, status in statuses(results).items() if status == "not tried"}
    assert not_tried <= {"D2-odd-values", "D7-killed", "D8-stops-in-time"}


@pytest.fixture(scope="module")
def badly_made(base_image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("badly-made")
    shutil.copy(CONTAINERS / "well_behaved.py", folder)
    (folder / "Dockerfile").write_text(BADLY_MADE)
    yield from _built(f"longshore-test-badly-made:{os.getpid()}", folder, base_image)


@pytest.fixture(scope="module")
def with_tini(base_image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("with-tini")
    (folder / "Dockerfile").write_text(WITH_TINI)
    yield from _built(f"longshore-test-tini:{os.getpid()}", folder, base_image)


@pytest.fixture(scope="module")
def with_needs(base_image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("with-needs")
    for name in ("well_behaved.py", "well_behaved_websockets.py"):
        shutil.copy(CONTAINERS / name, folder)
    (folder / "needs_much.py").write_text(NEEDS_MUCH)
    (folder / "Dockerfile").write_text(WITH_NEEDS)
    yield from _built(f"longshore-test-needs:{os.getpid()}", folder, base_image)


def _built(tag: str, folder: Path, base_image: str, *options: str) -> Iterator[str]:
    made = build(tag, folder, f"--build-arg=BASE_IMAGE={base_image}", *options)
    assert made.returncode == 0, made.stdout + made.stderr
    yield tag
    docker("rmi", tag)


def test_what_is_wrong_with_an_image_is_found(badly_made: str, tmp_path: Path) -> None:
    some = [rule for rule in RULES if rule.group in (Group.IMAGE, Group.START)]
    found = failed(check(badly_made, options(tmp_path), some))
    wrong = {"A1-exec-form", "A4-root", "A4-readable", "A5-no-credentials"}
    assert found.keys() == wrong | {"A7-bind-to-port", "A7-label-is-true"}, found
    assert "/opt/program/weights" in found["A4-readable"]
    assert 'ENTRYPOINT ["/bin/sh", "-c", "unset SAGE' in found["A1-exec-form"]
    assert "the shell form" in found["A1-exec-form"]


def test_tini_is_found(with_tini: str) -> None:
    some = [rule for rule in RULES if rule.id == "A2-no-tini"]
    assert failed(check(with_tini, Options(), some)).keys() == {"A2-no-tini"}


@pytest.mark.parametrize(
    ("needs", "rule"), [("a user", "A4-any-user"), ("a network", "A5-no-network"), ("a label", "B2-label")]
)
def test_what_a_container_needs_and_does_not_get_is_found(
    needs: str, rule: str, with_needs: str, tmp_path: Path
) -> None:
    given = options(tmp_path)
    some = [each for each in RULES if each.group in (Group.IMAGE, Group.START, Group.STREAMING)]
    with Container(with_needs, tmp_path, "--env=NEEDS=nothing") as neighbour:
        address = inspect(neighbour.id)["NetworkSettings"]["IPAddress"]
        given = replace(given, environment={"NEEDS": needs, "NEIGHBOUR": address})
        found = check(with_needs, given, some)
        assert failed(found).keys() == {rule}, {r.rule.id: r.outcome for r in found}


def test_a_port_that_closes_at_sigterm_is_no_fault_behind_the_engines_proxy(
    base_image: str, tmp_path: Path
) -> None:
    """The proxy takes a connection that the container refuses, and closes it without an answer."""
    for name in ("well_behaved.py", "odd_stop.py"):
        shutil.copy(CONTAINERS / name, tmp_path)
    (tmp_path / "Dockerfile").write_text(CLOSES_ITS_PORT)
    for image in _built(f"longshore-test-closes-its-port:{os.getpid()}", tmp_path, base_image):
        results = check(image, options(tmp_path), [rule for rule in RULES if rule.group is Group.STOP])
        found = {result.rule.id: result.outcome for result in results}
        assert failed(results) == {}, found
        assert found["A3-refuses-cleanly"].status == "passed", found


def test_no_rule_of_stopping_is_lost_if_a_container_exits_at_once(base_image: str, tmp_path: Path) -> None:
    """It may exit between any two requests to the engine."""
    for name in ("well_behaved.py", "drops_what_is_under_way.py"):
        shutil.copy(CONTAINERS / name, tmp_path)
    (tmp_path / "Dockerfile").write_text(CLOSES_ITS_PORT.replace("odd_stop", "drops_what_is_under_way"))
    for image in _built(f"longshore-test-exits-at-once:{os.getpid()}", tmp_path, base_image):
        results = check(image, options(tmp_path), [rule for rule in RULES if rule.group is Group.STOP])
        assert failed(results).keys() == {"A3-drains"}, [result.outcome for result in results]
        assert "not tried" not in statuses(results).values(), [result.outcome for result in results]


def _of_images(image: str, given: Options) -> set[str]:
    return set(failed(check(image, given, [rule for rule in RULES if rule.group is Group.IMAGE])))


@pytest.mark.parametrize(
    ("platform", "found"), [("linux/arm64", {"F4-amd64"}), ("linux/s390x", {"F4-amd64", "F4-linux"})]
)
def test_an_image_for_another_processor_is_found(
    platform: str, found: set[str], base_image: str, tmp_path: Path
) -> None:
    (tmp_path / "Dockerfile").write_text(EMPTY)
    tag = f"longshore-test-{platform.replace('/', '-')}:{os.getpid()}"
    for image in _built(tag, tmp_path, base_image, f"--platform={platform}"):
        assert _of_images(image, Options()) == {"A7-label", *found}


def test_an_image_that_is_too_large_or_whose_name_is_too_long_is_found(
    base_image: str, tmp_path: Path
) -> None:
    (tmp_path / "Dockerfile").write_text(EMPTY)
    tag = f"longshore-test-{'long-' * 35}name:{os.getpid()}{'-longer' * 15}"
    for image in _built(tag, tmp_path, base_image, f"--label={BIND_TO_PORT}=true"):
        assert _of_images(image, Options(image_bytes=1)) == {"B7-size", "F3-name"}
