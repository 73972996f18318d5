"""What the code of a served model finds around it: arguments, modules, streams, HOME, the user's name."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.support.server import CHECKOUT, Server
from tests.support.training import Training, as_another_user

HEAD = "import argparse, getpass, json, os, pathlib, subprocess, sys\n"
MODEL = "def load(model_dir): return None\ndef predict(model, data): return "


def serve(folder: Path, code: str, name: str = "inference.py", **variables: Any) -> Server:
    """A server, not started yet, with this code in its model's code folder."""
    server = Server(folder, None, **{"MODEL_SERVER_WORKERS": 1, **variables})
    file = server.ml_root / "model" / "code" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(HEAD + code)
    return server


def messages(server: Server) -> list[str]:
    return [line["message"] for line in server.log()]


@pytest.mark.parametrize("workers", [1, 2])
def test_argparse_finds_no_arguments_of_ours(tmp_path: Path, workers: int) -> None:
    parse = "parser = argparse.ArgumentParser(); parser.add_argument('--epochs', default=3)\n"
    code = f"{parse}at_import = parser.parse_args().epochs\n"
    code += f"{MODEL}[at_import, parser.parse_args().epochs, sys.argv]\n"
    with serve(tmp_path, code, MODEL_SERVER_WORKERS=workers) as server:
        file = server.ml_root / "model" / "code" / "inference.py"
        assert server.post(1).json() == [3, 3, [str(file)]]


def test_child_processes_of_a_model_find_the_modules_beside_its_code(tmp_path: Path) -> None:
    command = "[sys.executable, '-c', 'import beside; print(beside.x)']"
    server = serve(tmp_path, f"{MODEL}subprocess.check_output({command}, text=True, cwd='/')\n")
    (server.ml_root / "model" / "code" / "beside.py").write_text("x = 5\n")
    with server:
        assert server.post(1).json() == "5\n"


def test_a_model_file_in_a_subfolder_finds_the_modules_of_the_code_folder(tmp_path: Path) -> None:
    """So do the processes it starts."""
    command = "[sys.executable, '-c', 'import beside, above; from src.beside import x; print(x)']"
    code = f"import above\nimport beside\nfrom src.beside import x\nfrom .beside import x as y\n{MODEL}"
    code += f"[x, y, above.z, subprocess.check_output({command}, text=True, cwd='/')]\n"
    server = serve(tmp_path, code, "src/inference.py", SAGEMAKER_PROGRAM="src/inference.py")
    folder = server.ml_root / "model" / "code"
    (folder / "above.py").write_text("z = 6\n")
    (folder / "src" / "__init__.py").write_text("")
    (folder / "src" / "beside.py").write_text("x = 5\n")
    with server:
        assert server.post(1).json() == [5, 5, 6, "5\n"]


STREAMS = {
    "replaced": (
        "class Tee:\n    def __init__(self, stream): self.stream = stream\n"
        "    def write(self, text): return self.stream.write(text)\n"
        "    def flush(self): self.stream.flush()\n"
        "sys.stdout, sys.stderr = Tee(sys.stdout), Tee(sys.stderr)\n"
    ),
    "replaced by less": "sys.stdout = sys.stderr = type('T', (), {'write': lambda self, text: 1})()\n",
    "broken": (
        "class Broken:\n    def write(self, text): raise OSError('no')\n"
        "    def flush(self): raise OSError('no')\n"
        "sys.stdout, sys.stderr = Broken(), Broken()\n"
    ),
    "None": "sys.stdout = sys.stderr = None\n",
    "closed": "sys.stdout.close(); sys.stderr.close()\n",
}


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("how", STREAMS)
def test_a_model_that_replaces_its_streams_is_served_and_ends_well(
    tmp_path: Path, how: str, workers: int
) -> None:
    fails = "def predict(model, data):\n    if data: return data\n    raise RuntimeError('the reason')\n"
    code = f"{STREAMS[how]}def load(model_dir): return None\n{fails}"
    with serve(tmp_path, code, MODEL_SERVER_WORKERS=workers) as server:
        assert server.post(1).json() == 1
        assert server.post(0).status_code == 500
        assert any("the reason" in line.get("exception", "") for line in server.log())
    assert server.process.returncode == 0
    assert not any("died" in message for message in messages(server))


@pytest.mark.parametrize("how", ["replaced by less", "broken", "None", "closed"])
def test_a_model_that_hangs_shows_its_stacks_though_its_streams_are_replaced(
    tmp_path: Path, how: str
) -> None:
    hangs = "import time\ndef predict(model, data):\n    while data: time.sleep(0.1)\n    return data\n"
    code = f"{STREAMS[how]}def load(model_dir): return None\n{hangs}"
    with serve(tmp_path, code, MODEL_SERVER_TIMEOUT=1) as server:
        server.hang({"x": 1}, lambda: "in predict" in server.stderr, "the stacks of the hung worker")


WHO = (
    f"{MODEL}[getpass.getuser(), str(pathlib.Path.home()), makes()]\n"
    "def makes():\n    (pathlib.Path.home() / '.cache' / 'mine').mkdir(parents=True, exist_ok=True)\n"
    "    return os.environ['USER'] if 'USER' in os.environ else None\n"
)
UNNAMED = [f"--unset={name}" for name in ("HOME", "USER", "LOGNAME", "LNAME", "USERNAME")]


@pytest.mark.parametrize("home", ["/root", "/", "", "/nothing/there", None])
def test_a_user_id_that_no_file_knows_has_a_home_and_a_name(open_folder: Path, home: str | None) -> None:
    command = as_another_user(str(CHECKOUT / "container" / "serve"))
    command = ["env", *UNNAMED, *([] if home is None else [f"HOME={home}"]), *command]
    server = serve(open_folder, WHO, wait=False, command=tuple(command))
    with server:
        os.chown(server.temporary, 10001, 10001)
        server.temporary.chmod(0o777)
        server.wait_ready()
        name, folder, user = server.post(1).json()
        assert (name, user) == ("longshore", "longshore")
        assert Path(folder).is_relative_to(server.temporary)
    assert server.process.returncode == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize("usable", [False, True])
def test_workers_of_a_root_that_became_another_user_have_a_home_of_theirs(
    open_folder: Path, usable: bool
) -> None:
    home = open_folder / "home"
    home.mkdir()
    home.chmod(0o777 if usable else 0o755)
    server = serve(open_folder, WHO, wait=False, HOME=home, USER="root", LOGNAME="root")
    with server:
        server.wait_ready()
        name, folder, user = server.post(1).json()
        if name == "root":
            pytest.skip("no other user can read the code or Python here")
        assert name == user
        assert (folder == str(home)) is usable
        assert usable or Path(folder).is_relative_to(server.temporary)


def test_a_home_that_can_be_used_stays(open_folder: Path) -> None:
    home = open_folder / "home"
    home.mkdir()
    home.chmod(0o777)
    with serve(open_folder, WHO, HOME=home) as server:
        assert server.post(1).json()[1] == str(home)


# Modules of a user's with names that our own have, or had, or that are likely.
NAMES = [
    "app",
    "serving",
    "training",
    "runners",
    "settings",
    "logs",
    "main",
    "errors",
    "model",
    "utils",
    "task",
]


@pytest.mark.parametrize("kind", ["module", "package"])
@pytest.mark.parametrize("where", ["code folder", "beside model.py"])
def test_a_users_own_modules_are_imported_whatever_modules_we_have(
    tmp_path: Path, where: str, kind: str
) -> None:
    names = [name for name in NAMES if (where, name) != ("beside model.py", "model")]
    code = "".join(f"import {name}\n" for name in names)
    code += f"values = [m.value for m in ({', '.join(names)})]\n{MODEL}values\n"
    server = serve(tmp_path, code)
    folder = server.ml_root / "model" / "code"
    if where == "beside model.py":
        folder = tmp_path / "program"
        shutil.copytree(CHECKOUT / "container", folder)
        shutil.copy(CHECKOUT / "nginx.conf", tmp_path)
        shutil.move(server.ml_root / "model" / "code" / "inference.py", folder / "model.py")
        server = Server(tmp_path, None, command=(str(folder / "serve"),), MODEL_SERVER_WORKERS=1)
    for name in names:
        file = folder / f"{name}.py" if kind == "module" else folder / name / "__init__.py"
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"value = {name!r}\n")
    with server:
        assert server.post(1).json() == names
        assert not any("Give it another name" in message for message in messages(server))


@pytest.mark.parametrize("where", ["code folder", "beside model.py"])
def test_files_with_the_names_of_pythons_own_or_installed_modules_are_named_and_break_nothing(
    tmp_path: Path, where: str
) -> None:
    """Seen from the code folder: from random import mine fails, and nothing says why."""
    server = serve(tmp_path, f"{MODEL}data\n")
    folder = server.ml_root / "model" / "code"
    if where == "beside model.py":
        folder = tmp_path / "program"
        shutil.copytree(CHECKOUT / "container", folder)
        shutil.copy(CHECKOUT / "nginx.conf", tmp_path)
        shutil.move(server.ml_root / "model" / "code" / "inference.py", folder / "model.py")
        server = Server(tmp_path, None, command=(str(folder / "serve"),), MODEL_SERVER_WORKERS=1)
    used = ["random", "logging", "json", "flask", "gunicorn"]
    for name in [*used, "turtle"]:
        (folder / f"{name}.py").write_text("raise RuntimeError('imported')\n")
    with server:
        assert server.post([1]).json() == [1]
        said = messages(server)
    for name in used:
        assert any(
            message.startswith(f"{folder / name}.py: 'import {name}' does not find it") for message in said
        )
    assert any(message.startswith(f"{folder}/turtle.py: it hides Python's own module") for message in said)


def test_the_users_modules_come_before_installed_ones_that_are_not_in_use(tmp_path: Path) -> None:
    """Beside model.py, too, whose folder is the last on sys.path of our own programs."""
    folder = tmp_path / "program"
    shutil.copytree(CHECKOUT / "container", folder)
    shutil.copy(CHECKOUT / "nginx.conf", tmp_path)
    (folder / "model.py").write_text(f"import iniconfig\n{MODEL}iniconfig.value\n")
    (folder / "iniconfig.py").write_text("value = 'mine'\n")  # also installed here, for the tests
    with Server(tmp_path, None, command=(str(folder / "serve"),), MODEL_SERVER_WORKERS=1) as server:
        assert server.post(1).json() == "mine"


def test_train_names_a_file_with_the_name_of_a_module_in_use(tmp_path: Path) -> None:
    job = Training(tmp_path, "train_reports")
    job.program("random.py", "raise RuntimeError('imported')\n")
    done = job.run()
    assert (done.code, done.failure) == (0, ""), done.stderr
    assert "random.py: 'import random' does not find it, but a module that is in use" in done.stderr
