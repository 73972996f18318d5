"""What is in a --state folder or the temporary one and is not the emulator's: refused, and left alone."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from longshore.emulator.books.objects import Shelf
from longshore.emulator.owners import Owner
from longshore.emulator.state import State
from longshore.errors import UserError
from tests.support.other_user import OTHER, needs_root
from tests.support.server import CHECKOUT, PATIENCE, environment

FILES = ("lock", "state", "state.new")
FOLDERS = ("objects", "incoming")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A state folder that an emulator has used."""
    folder = tmp_path / "kept"
    use(folder)
    return folder


def use(folder: Path) -> None:
    """What an emulator does with its folder until it answers."""
    state = State(folder, "123456789012", "us-east-1")
    try:
        state.load()
        Shelf(folder / "objects", keep=True)
    finally:
        state._lock.close()


def refused(folder: Path) -> str:
    with pytest.raises(UserError) as caught:
        use(folder)
    return str(caught.value)


def plant(path: Path, target: Path) -> None:
    """Put a link in the place of a file or folder."""
    if path.is_dir():
        path.rmdir()
    path.unlink(missing_ok=True)
    path.symlink_to(target)


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """A folder with two files, which the emulator is not to touch."""
    victim = tmp_path / "victim"
    victim.mkdir(mode=0o755)
    victim.chmod(0o755)
    for name in ("1", "42"):
        (victim / name).write_text("content")
        (victim / name).chmod(0o644)
    return victim


def is_untouched(victim: Path) -> bool:
    content = {path.name: (path.read_text(), path.stat().st_mode & 0o777) for path in victim.iterdir()}
    unchanged = ("content", 0o644)
    return content == {"1": unchanged, "42": unchanged} and victim.stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("name", [*FILES, *FOLDERS])
def test_what_a_link_leads_to_is_not_touched(folder: Path, victim: Path, name: str) -> None:
    plant(folder / name, victim / "42" if name in FILES else victim)
    said = refused(folder)
    assert f"{folder / name}: it is a link" in said and "remove it" in said
    assert is_untouched(victim)


@needs_root
@pytest.mark.parametrize("name", [*FILES, *FOLDERS])
def test_a_link_of_another_user_is_refused(folder: Path, victim: Path, name: str) -> None:
    plant(folder / name, victim / "42" if name in FILES else victim)
    os.chown(folder / name, OTHER, OTHER, follow_symlinks=False)
    assert f"{folder / name}: it belongs to user {OTHER}" in refused(folder)
    assert is_untouched(victim)


def test_a_link_that_leads_nowhere_makes_no_file(folder: Path, tmp_path: Path) -> None:
    plant(folder / "lock", tmp_path / "new")
    assert "it is a link" in refused(folder)
    assert not (tmp_path / "new").exists()


def test_a_link_among_the_objects_is_refused(folder: Path, victim: Path) -> None:
    (folder / "objects" / "5").symlink_to(victim / "42")
    assert f"{folder / 'objects' / '5'}: it is a link" in refused(folder)
    assert is_untouched(victim)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir], ids=["a FIFO", "a folder"])
def test_no_file_where_a_file_is_kept(folder: Path, name: str, make: Callable[[Path], None]) -> None:
    (folder / name).unlink(missing_ok=True)
    make(folder / name)
    assert f"{folder / name}: it is no file" in refused(folder)


@pytest.mark.parametrize("name", FOLDERS)
def test_a_file_where_a_folder_is_kept(folder: Path, name: str) -> None:
    (folder / name).rmdir()
    (folder / name).write_text("content")
    assert f"{folder / name}: it is no folder" in refused(folder)
    assert (folder / name).read_text() == "content"


@pytest.mark.parametrize("name", ["notes.txt", "-1", "\N{ARABIC-INDIC DIGIT ONE}"])
def test_a_stray_file_among_the_objects_is_left_alone(folder: Path, name: str) -> None:
    (folder / "objects" / name).write_text("content")
    said = refused(folder)
    assert f"{folder / 'objects' / name}: the emulator has made no such file" in said and "Move it" in said
    assert (folder / "objects" / name).read_text() == "content"


@pytest.mark.parametrize("content", [{}, [], {"about": None}, {"about": {"account": "123456789012"}}, 5])
def test_a_state_that_does_not_say_what_it_is(folder: Path, content: Any) -> None:
    (folder / "state").write_bytes(pickle.dumps(content))
    assert "the file `state` in it is damaged" in refused(folder)


def test_a_command_says_it_without_a_traceback(folder: Path, tmp_path: Path) -> None:
    (folder / "objects" / "notes.txt").touch()
    command = [sys.executable, "-m", "longshore", "emulate", "--port", "0", "--state", str(folder)]
    variables = environment(PYTHONPATH=CHECKOUT, TMPDIR=tmp_path)
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, env=variables)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert "made no such file" in done.stderr.replace("\n", " ")


def test_what_is_no_emulators_in_the_temporary_folder(
    tmp_path: Path, victim: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    owner = Owner()
    root = owner.folder.parent
    try:
        (root / "notes.txt").touch()
        assert owner.dead() == []
        (root / "emulator0").symlink_to(victim)
        with pytest.raises(UserError, match="it is a link"):
            owner.dead()
        (root / "emulator0").unlink()
        (root / "emulator1").mkdir()
        (root / "emulator1" / "lock").symlink_to(victim / "42")
        with pytest.raises(UserError, match="it is a link"):
            owner.dead()
    finally:
        owner.close()
    assert is_untouched(victim)
