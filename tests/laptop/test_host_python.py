"""The Python environment of a host program: what it installs it sees, and nobody else."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import urllib.request
import venv
from pathlib import Path
from typing import Any

import pytest

from longshore.engines import python_environment
from longshore.engines.base import Container
from longshore.engines.checkout import Programs
from longshore.engines.host import HostEngine
from tests.support.files import everything
from tests.support.server import wait_until
from tests.support.training import open_to_all
from tests.support.wheels import make_wheel

WITH_AND_WITHOUT_NAMESPACES = pytest.mark.parametrize("namespaces", [None, False])
INSTALL = "pip install --quiet --no-index --disable-pip-version-check --root-user-action ignore"
SEVERAL_WAYS = f"""#!/bin/sh
set -e
{INSTALL} --upgrade $WHEELS/by_name-1.0-*.whl $WHEELS/of_parent-2.0-*.whl
python -m {INSTALL} $WHEELS/by_module-1.0-*.whl
python3 -c 'import os, sys
os.execv(sys.executable, [sys.executable, "-m", *sys.argv[1:]])' {INSTALL} $WHEELS/by_executable-1.0-*.whl
pip uninstall --quiet --yes pip
python -c 'import by_name, by_module, by_executable, of_parent, pip
print(by_name.VERSION, by_module.VERSION, by_executable.VERSION, of_parent.VERSION)'
by_name
see_it
"""


def write_program(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    file.chmod(0o755)


def make_virtualenv(folder: Path, scripts: dict[str, str]) -> Path:
    """A virtualenv with this one's packages (pip, gunicorn) and console scripts; its site-packages."""
    venv.create(folder, symlinks=True)
    packages = next(folder.glob("lib/python3*/site-packages"))
    (packages / "of_test.pth").write_text("\n".join(p for p in sys.path if p.endswith("site-packages")))
    (packages / "of_parent.py").write_text("VERSION = '1.0'\n")
    for name, text in scripts.items():
        write_program(folder / "bin" / name, f"#!{folder}/bin/python3\n{text}")
    return packages


def run(engine: HostEngine, container: Container) -> list[str]:
    started = engine.start(container)
    try:
        assert started.wait(60) is not None, "it does not end"
        return [line.text for line in started.lines()]
    finally:
        started.remove()


def state(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(path): (path.lstat().st_mtime_ns, path.lstat().st_size) for path in everything(folder)}


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheels")
    open_to_all(folder)
    for name in ("by_name", "by_module", "by_executable"):
        make_wheel(folder, name)
    make_wheel(folder, "of_parent", "2.0")
    return folder


def test_packages_that_it_installs_are_its_own(engines_owner: str, tmp_path: Path, wheels: Path) -> None:
    """Without namespaces, where nothing protects the parent."""
    script = "import by_module, of_parent\nprint(by_module.VERSION, of_parent.VERSION)\n"
    packages = make_virtualenv(tmp_path / ".venv", {"see_it": script})
    write_program(tmp_path / "train", SEVERAL_WAYS)
    before = state(tmp_path / ".venv")
    container = Container(
        f"host:{tmp_path}", ("train",), environment={"WHEELS": str(wheels)}, owner=engines_owner
    )
    lines = run(HostEngine(namespaces=False), container)
    # pip says so where it is asked to remove a package of the parent's.
    assert [line for line in lines if "ninstall" not in line] == ["1.0 1.0 1.0 2.0", "1.0", "1.0 2.0"]
    after = state(tmp_path / ".venv")
    assert {path for path in before | after if before.get(path) != after.get(path)} <= {
        str(path) for path in (packages, packages / "__pycache__", *(packages / "__pycache__").glob("*"))
    }, "bytecode at most"


def test_its_parent_is_read_only_in_a_namespace(
    host_engine: HostEngine, engines_owner: str, tmp_path: Path
) -> None:
    if not host_engine.has_namespaces():
        pytest.skip("no namespaces here")
    packages = make_virtualenv(tmp_path / ".venv", {})
    write_program(tmp_path / "train", f"#!/bin/sh\ntouch {packages}/new || echo refused; touch $TMPDIR/new\n")
    lines = run(host_engine, Container(f"host:{tmp_path}", ("train",), owner=engines_owner))
    assert "refused" in lines and not (packages / "new").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_another_user_may_install_too(
    host_engine: HostEngine, engines_owner: str, tmp_path: Path, wheels: Path
) -> None:
    parent = python_environment.make_for(Programs(tmp_path, (), tmp_path / "none"), ["train"], tmp_path / "v")
    if parent is None or subprocess.run([parent.bin / "python3", "-c", "import pip"]).returncode != 0:
        pytest.skip("the system's Python, which everyone may read, has no pip")
    (tmp_path / ".venv" / "bin").mkdir(parents=True)  # the system's Python is next
    write_program(tmp_path / "train", f"#!/bin/sh\n{INSTALL} $WHEELS/by_name-*.whl && by_name\n")
    open_to_all(tmp_path)
    container = Container(
        f"host:{tmp_path}", ("train",), environment={"WHEELS": str(wheels)}, owner=engines_owner, user="1234"
    )
    assert run(host_engine, container) == ["1.0"]


def test_workers_of_a_server_see_what_was_installed_before(
    host_engine: HostEngine, engines_owner: str, tmp_path: Path, wheels: Path
) -> None:
    """gunicorn is a console script of the emulator's own virtualenv here."""
    write_program(
        tmp_path / "serve",
        f"#!/bin/sh\n{INSTALL} $WHEELS/by_name-*.whl\n"
        'exec gunicorn --bind "127.0.0.1:$SAGEMAKER_BIND_TO_PORT" --workers 2 application\n',
    )
    (tmp_path / "application.py").write_text(
        "import by_name\n\n\ndef application(environ, start):\n"
        "    start('200 OK', [])\n    return [by_name.VERSION.encode()]\n"
    )
    started = host_engine.start(
        Container(f"host:{tmp_path}", environment={"WHEELS": str(wheels)}, port=8080, owner=engines_owner)
    )

    def answer() -> bytes | None:
        assert started.address is not None
        assert started.exit_code() is None, [line.text for line in started.lines()]
        host, port = started.address
        try:
            with urllib.request.urlopen(f"http://{host}:{port}/", timeout=5) as answered:
                return bytes(answered.read())
        except OSError:
            return None

    try:
        wait_until(lambda: answer() == b"1.0", "an answer with the package's version")
    finally:
        started.remove()


@WITH_AND_WITHOUT_NAMESPACES
@pytest.mark.parametrize("form", ["folder", "file", "its own scripts"])
def test_the_interpreter_that_a_first_line_names_is_replaced(
    namespaces: bool | None, form: str, engines_owner: str, tmp_path: Path
) -> None:
    make_virtualenv(tmp_path / "venv", {"train": "import sys\nprint(sys.prefix, *sys.argv[1:])\n"})
    script = tmp_path / "venv" / "bin" / "train"
    image = tmp_path / "venv" / "bin"
    if form != "its own scripts":
        (tmp_path / "project").mkdir()
        shutil.copy(script, tmp_path / "project" / "train")
        image = tmp_path / "project" if form == "folder" else tmp_path / "project" / "train"
    container = Container(f"host:{image}", ("train", "a b"), owner=engines_owner)
    (line,) = run(HostEngine(namespaces), container)
    prefix, _, arguments = line.partition(" ")
    assert Path(prefix).parent.name.startswith(f"ls-{engines_owner}-") and not Path(prefix).exists()
    assert arguments == ("train a b" if form == "file" else "a b")


@pytest.mark.parametrize("form", ["folder", "file"])
def test_a_jobs_own_entrypoint_uses_the_python_of_the_images_program(
    form: str, engines_owner: str, tmp_path: Path
) -> None:
    make_virtualenv(tmp_path / "venv", {})
    (tmp_path / "project").mkdir()
    write_program(tmp_path / "project" / "train", f"#!{tmp_path}/venv/bin/python3\n")
    image = tmp_path / "project" if form == "folder" else tmp_path / "project" / "train"
    container = Container(
        f"host:{image}",
        ("-c", "python -c 'import of_parent; print(of_parent.VERSION)'"),
        owner=engines_owner,
        entrypoint=("/bin/sh",),
    )
    assert run(HostEngine(), container) == ["1.0"]


def test_the_systems_python_is_the_parent_where_there_is_no_other(tmp_path: Path) -> None:
    programs = Programs(tmp_path, (), tmp_path / "no-virtualenv")
    made = python_environment.make_for(programs, ["train"], tmp_path / "v")
    if made is None:
        pytest.skip("the system has no Python")
    assert made.parent.virtualenv is None
    show = "import json, site, sys; print(json.dumps([sys.prefix, sys.base_prefix, sys.path]))"
    here, base, path = _json([made.bin / "python3", "-c", show])
    assert here == str(tmp_path / "v") != base
    *_, system_path = _json([made.parent.folder / "python3", "-c", show])
    assert set(system_path) <= set(path)
    assert path.index(f"{here}/lib/python{made.parent.version}/site-packages") < len(path)


def _json(command: list[str | Path]) -> Any:
    return json.loads(subprocess.check_output(command, env={"HOME": "/nonexistent"}))


def test_no_interpreter_means_no_environment(tmp_path: Path) -> None:
    write_program(tmp_path / "bin" / "python3", "#!/bin/sh\n# chooses a version\n")
    programs = Programs(tmp_path, (), tmp_path / "bin")
    assert python_environment.make_for(programs, ["train"], tmp_path / "v") is None
    assert not (tmp_path / "v").exists()
