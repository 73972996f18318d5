"""requirements.lock: the releases of requirements.txt, each with its hashes; the image is built from it."""

from __future__ import annotations

import re

from tests.support.server import CHECKOUT


def requirements() -> dict[str, str]:
    """The releases that requirements.txt names, by normalized name."""
    found = {}
    for line in (CHECKOUT / "requirements.txt").read_text().splitlines():
        if line := line.partition("#")[0].strip():
            name, version = line.split("==")
            found[normalized(name)] = version
    return found


def locked() -> dict[str, tuple[str, str, list[str]]]:
    """Release, marker and hashes of what requirements.lock names."""
    found = {}
    text = (CHECKOUT / "requirements.lock").read_text().replace("\\\n", " ")
    for line in text.splitlines():
        if line := line.partition("#")[0].strip():
            requirement, *hashes = line.split(" --hash=")
            release, _, marker = requirement.partition(";")
            name, version = release.strip().split("==")
            found[normalized(name)] = version, marker.strip(), [each.strip() for each in hashes]
    return found


def normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_the_lock_has_the_releases_of_requirements_txt() -> None:
    """Run `make lock` where it has not."""
    of_linux = {name: version for name, (version, marker, _) in locked().items() if "win32" not in marker}
    assert of_linux == requirements()
    assert not [name for name, (_, marker, _) in locked().items() if marker and "win32" not in marker]


def test_every_release_in_the_lock_has_hashes_and_no_index_is_named() -> None:
    for name, (_, _, hashes) in locked().items():
        assert hashes, name
        assert all(re.fullmatch("sha256:[0-9a-f]{64}", each) for each in hashes), name
    text = (CHECKOUT / "requirements.lock").read_text()
    assert "://" not in text and not re.search(r"^\s*(-i|-f|--[a-z-]*(index|links|host))", text, re.MULTILINE)


def test_the_image_is_built_from_the_lock_alone() -> None:
    dockerfile = (CHECKOUT / "Dockerfile").read_text()
    installs = re.findall(r"pip .*? install (.*?)(?: \\)?\n", dockerfile)
    assert installs == [
        "--require-hashes -r /build/requirements.lock",
        "--no-index --no-deps -r /build/requirements.txt",
        "-r /build/model.txt",
    ]
    assert "!requirements.lock" in (CHECKOUT / ".dockerignore").read_text().splitlines()
    assert " requirements.lock " in (CHECKOUT / "build_and_push.sh").read_text()


def test_no_step_of_the_image_changes_its_folder_and_versions_are_left_out_for_a_reason() -> None:
    """hadolint's DL3003 and DL3008, which nothing here runs."""
    lines = (CHECKOUT / "Dockerfile").read_text().splitlines()
    assert not [line for line in lines if re.search(r"(RUN|&&|;)\s+cd\s", line)]
    installing = next(n for n, line in enumerate(lines) if line.startswith("RUN apt-get update"))
    assert lines[installing - 1] == "# hadolint ignore=DL3008"
