"""The folders of a task: made, emptied and removed, whatever a program leaves in them.

Every test has things lying beside the folders, which must be the same afterwards.
"""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from longshore_runtime.runners.algorithm import emptying, folders
from longshore_runtime.runners.algorithm.outcome import Reason, TaskError
from longshore_runtime.runners.algorithm.program.users import Identity
from tests.support.hostile import AS_ROOT, NOBODY, as_normal_user, leave_everything_hostile, picture

NOBODY_ELSE = Identity()


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that anybody may enter, with nobody's as its owner where we are root."""
    top = Path(tempfile.mkdtemp())
    top.chmod(0o755)
    (top / "outside" / "deep").mkdir(parents=True)
    (top / "outside" / "file").write_text("precious")
    (top / "outside" / "deep" / "file").write_text("precious")
    (top / "outside" / "locked").mkdir(mode=0o555)
    (top / "tasks").mkdir()
    if os.geteuid() == 0:
        for path in (top, *top.rglob("*")):
            os.chown(path, NOBODY, NOBODY)
    before = picture(top / "outside")
    yield top
    assert picture(top / "outside") == before
    subprocess.run(["chmod", "-R", "u+rwx", top], check=True)
    shutil.rmtree(top)


def test_a_folder_is_emptied_whatever_lies_there_and_no_link_is_followed(place: Path) -> None:
    folder = place / "tasks"

    def leave_and_empty() -> list[str]:
        leave_everything_hostile(folder, place / "outside")
        folder.chmod(0o000)
        emptying.empty(folder)
        return os.listdir(folder)  # noqa: PTH208

    assert as_normal_user(leave_and_empty) == []


@AS_ROOT
def test_root_empties_what_another_user_left(place: Path) -> None:
    as_normal_user(lambda: leave_everything_hostile(place / "tasks", place / "outside"))
    emptying.empty(place / "tasks")
    assert list((place / "tasks").iterdir()) == []


def test_a_tree_deeper_than_any_path_and_than_our_descriptors_is_removed(place: Path) -> None:
    # Made by a process of its own, which goes down step by step, since no path is that long.
    make = "import os\nfor _ in range(3000):\n    os.mkdir('d'); open('f', 'w').close(); os.chdir('d')"
    subprocess.run([sys.executable, "-c", make], cwd=place / "tasks", check=True)
    emptying.empty(place / "tasks")
    assert list((place / "tasks").iterdir()) == []


def test_a_folder_that_is_not_there_is_empty(place: Path) -> None:
    emptying.empty(place / "tasks" / "none")
    assert list((place / "tasks").iterdir()) == []


def test_a_link_is_not_emptied(place: Path) -> None:
    (place / "tasks" / "link").symlink_to(place / "outside")
    with pytest.raises(NotADirectoryError):
        emptying.empty(place / "tasks" / "link")


def test_own_folders_are_new_for_each_task_and_gone_after_it(place: Path) -> None:
    work_dir = place / "tasks" / "not yet" / "there"
    with (
        folders.own(work_dir, NOBODY_ELSE) as one,
        folders.own(work_dir, NOBODY_ELSE) as other,
    ):
        assert one.input == one.fill != other.input
        assert {one.input, one.output, one.scratch} == set(one.root.iterdir())
        assert all(list(folder.iterdir()) == [] for folder in one.root.iterdir())
        leave_everything_hostile(one.output, place / "outside")
        leave_everything_hostile(one.input, place / "outside")
        leave_everything_hostile(one.scratch, place / "outside")
    assert list(work_dir.iterdir()) == []


def test_a_task_that_fails_leaves_no_folders_and_its_error_is_kept(place: Path) -> None:
    with pytest.raises(ZeroDivisionError), folders.own(place / "tasks", NOBODY_ELSE):
        raise ZeroDivisionError
    assert list((place / "tasks").iterdir()) == []


def fixed(
    place: Path, linked: bool, identity: Identity = NOBODY_ELSE
) -> AbstractContextManager[folders.Folders]:
    tasks = place / "tasks"
    return folders.fixed(
        tasks / "work", tasks / "input", tasks / "output", tasks / "data" if linked else None, identity
    )


@pytest.mark.parametrize("linked", [True, False])
def test_fixed_folders_are_empty_before_and_after_each_task(place: Path, linked: bool) -> None:
    tasks = place / "tasks"
    (tasks / "input").mkdir()
    (tasks / "input" / "old").write_text("")
    for _ in range(2):
        with fixed(place, linked) as found:
            assert (found.input, found.output) == (tasks / "input", tasks / "output")
            assert found.input.resolve() == found.fill.resolve()
            assert found.input.is_symlink() == linked
            assert not found.fill.is_symlink()
            assert list(found.input.iterdir()) == list(found.output.iterdir()) == []
            (found.fill / "new").write_text("x")
            assert (found.input / "new").read_text() == "x"
            leave_everything_hostile(found.output, place / "outside")
            leave_everything_hostile(found.fill, place / "outside")
        left = {path.relative_to(tasks) for path in tasks.rglob("*")}
        assert left == {Path(name) for name in ("input", "output", "work", *(["data"] if linked else []))}
        assert not (tasks / "input").is_symlink()


@pytest.mark.parametrize("linked", [True, False])
@pytest.mark.parametrize("target", ["nothing", "../outside", "../outside/file", "input"])
def test_a_link_in_the_place_of_a_folder_is_removed_and_not_followed(
    place: Path, linked: bool, target: str
) -> None:
    for name in ("input", "output"):
        (place / "tasks" / name).symlink_to(target)
    with fixed(place, linked) as found:
        assert not found.output.is_symlink()
        (found.fill / "x").write_text("")
        for path in (found.output, found.input):  # and the program does the same
            shutil.rmtree(path) if not path.is_symlink() else path.unlink()
            path.symlink_to(target)
    assert all(stat.S_ISDIR((place / "tasks" / name).lstat().st_mode) for name in ("input", "output"))


def test_a_file_in_the_place_of_a_folder_is_removed(place: Path) -> None:
    (place / "tasks" / "input").write_text("")
    os.mkfifo(place / "tasks" / "output")
    with fixed(place, linked=True) as found:
        assert found.output.is_dir()
        assert found.input.is_dir()


@AS_ROOT
def test_a_mounted_input_folder_is_used_as_it_is(place: Path) -> None:
    mounted = place / "tasks" / "input"
    mounted.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "none", mounted], capture_output=True).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        (mounted / "old").write_text("")
        with fixed(place, linked=True) as found:
            assert found.fill == found.input == mounted
            assert list(mounted.iterdir()) == []
            (mounted / "new").write_text("")
        assert list(mounted.iterdir()) == []
        assert list((place / "tasks" / "data").iterdir()) == []
    finally:
        subprocess.run(["umount", mounted], check=True)


def test_a_folder_above_that_is_not_ours_keeps_the_input_from_being_a_link(place: Path) -> None:
    tasks = place / "tasks"
    for name in ("input", "output", "work", "data"):
        (tasks / name).mkdir()
        (tasks / name).chmod(0o777)
    if os.geteuid() == 0:
        for path in (tasks, *tasks.iterdir()):
            os.chown(path, 0, 0)
    tasks.chmod(0o555)

    def ask() -> list[object]:
        with fixed(place, linked=True) as found:
            (found.output / "x").touch()
            (found.fill / "x").touch()
            return [found.fill == found.input, len(list((tasks / "data").iterdir()))]

    assert as_normal_user(ask) == [True, 0]
    assert [path for path in tasks.rglob("*") if path.parent != tasks] == []


def test_folders_that_cannot_be_made_ready_fail_the_task(place: Path) -> None:
    def ask() -> list[str]:
        (place / "tasks" / "work").mkdir()
        (place / "tasks").chmod(0o555)
        told = []
        for layout in (folders.own(place / "tasks", NOBODY_ELSE), fixed(place, linked=True)):
            try:
                with layout:
                    told.append("no error")
            except TaskError as error:
                told.append(f"{error.reason}: {error.message.replace(str(place), '')}")
        return told

    assert as_normal_user(ask) == [
        "internal: The task's folders could not be made: Permission denied.",
        "internal: The output folder /tasks/output could not be made ready: Permission denied.",
    ]


@AS_ROOT
@pytest.mark.parametrize("layout", ["own", "fixed"])
def test_the_program_of_another_user_reads_the_input_and_writes_the_output_alone(
    place: Path, layout: str
) -> None:
    identity = Identity(NOBODY, NOBODY, ())
    os.chown(place / "tasks", 0, 0)
    both = {"own": folders.own(place / "tasks", identity), "fixed": fixed(place, True, identity)}
    with both[layout] as found:
        (found.fill / "x").write_text("x")

        def ask() -> list[object]:
            answers: list[object] = [(found.input / "x").read_text()]
            for folder in (found.output, found.scratch, found.input, found.root):
                try:
                    (folder / "y").write_text("")
                    answers.append(True)
                except PermissionError:
                    answers.append(False)
            return answers

        assert as_normal_user(ask) == ["x", True, True, False, False]
        assert [stat.S_IMODE(p.stat().st_mode) for p in (found.fill, found.output)] == [0o755, 0o755]
        assert found.output.stat().st_uid == NOBODY


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_without_an_identity_everybody_may_write_the_output_whatever_our_umask(
    place: Path, umask: int
) -> None:
    before = os.umask(umask)
    try:
        for layout in (folders.own(place / "tasks", NOBODY_ELSE), fixed(place, linked=False)):
            with layout as found:
                modes = [stat.S_IMODE(path.stat().st_mode) for path in (found.fill, found.output)]
                assert modes == [0o755, 0o777]
    finally:
        os.umask(before)


def test_the_folders_on_the_way_to_an_input_are_made(place: Path) -> None:
    inputs = place / "tasks"
    assert folders.place(inputs, "a") == inputs / "a"
    assert list(inputs.iterdir()) == []
    for name in ("x", "y"):
        assert folders.place(inputs, f"a/b/{name}") == inputs / "a" / "b" / name
    assert sorted(inputs.rglob("*")) == [inputs / "a", inputs / "a" / "b"]


@pytest.mark.parametrize("in_the_way", ["link", "dangling", "file", "pipe"])
def test_an_input_whose_folder_is_something_else_is_refused(place: Path, in_the_way: str) -> None:
    inputs = place / "tasks"
    (inputs / "link").symlink_to(place / "outside")
    (inputs / "dangling").symlink_to(place / "outside" / "new")
    (inputs / "file").write_text("")
    os.mkfifo(inputs / "pipe")
    with pytest.raises(
        TaskError, match=f"the input '{in_the_way}/a/b' cannot be made: {in_the_way}: "
    ) as caught:
        folders.place(inputs, f"{in_the_way}/a/b")
    assert caught.value.reason is Reason.INPUT


def test_an_input_folder_that_is_a_link_is_refused(place: Path) -> None:
    (place / "tasks" / "input").symlink_to(place / "outside")
    with pytest.raises(TaskError):
        folders.place(place / "tasks" / "input", "a/b")


def test_a_path_too_long_with_the_folder_before_it_is_refused(place: Path) -> None:
    with pytest.raises(TaskError, match="is too long for this machine") as caught:
        folders.place(place / "tasks", "/".join(["x" * 255] * 16))
    assert caught.value.reason is Reason.INPUT
    assert list((place / "tasks").iterdir()) == []
