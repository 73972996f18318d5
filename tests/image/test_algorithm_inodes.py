"""All that costs an inode counts: files, links and folders, those that only a path names among them."""

from __future__ import annotations

import os
import tarfile
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longshore_runtime.runners.algorithm.archives.archive import Limits, Used, unpack
from longshore_runtime.runners.algorithm.outcome import Reason, TaskError
from tests.support.archives import Entries, Place, member, tar_of, zip_of
from tests.support.files import everything
from tests.support.s3 import S3Server
from tests.support.server import Server
from tests.support.tasks import INPUTS, SCRIPT, an_input, serve, task, two_buckets

DIR, LINK, HARD = tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE
SIZE = 1 << 20

Pack = Callable[[Entries], bytes]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "place")


def limits(files: int) -> Limits:
    return Limits(files, SIZE, 100)


def refused(place: Place, packed: bytes, files: int, *, strip: bool = False) -> str:
    """The error; not more than the limit has been made by then."""
    with pytest.raises(TaskError) as caught:
        place.unpack(packed, limits(files), strip=strip)
    assert caught.value.reason is Reason.INPUT
    assert len(everything(place.target)) <= files
    place.empty()
    return caught.value.message


@pytest.mark.parametrize("strip", [True, False])
@pytest.mark.parametrize("pack", [tar_of, zip_of])
def test_folders_that_only_paths_name_count(place: Place, pack: Pack, strip: bool) -> None:
    """A small archive of deep paths makes a hundred folders a file."""
    packed = pack([("/".join([str(n), *("d" * 100)]) + "/file", b"") for n in range(30)])
    message = refused(place, packed, 1000, strip=strip)
    start = "Input 'scans': unpacked, it has more than 1,000 files, folders and links, "
    assert message.startswith(start) and "ALGORITHM_MAX_FILES" in message
    assert place.unpack(packed, limits(30 * 102), strip=strip) == 30


@pytest.mark.parametrize("pack", [tar_of, zip_of])
def test_folders_with_an_entry_of_their_own_count_once(place: Place, pack: Pack) -> None:
    entries: Entries = [
        ((member(f"{n % 20}/", DIR), b"") if pack is tar_of else (f"{n % 20}/", b"")) for n in range(60)
    ]
    packed = pack(entries)
    assert "more than 19 files, folders and links" in refused(place, packed, 19)
    assert place.unpack(packed, limits(20)) == 0


def test_empty_files_and_links_of_both_kinds_count(place: Place) -> None:
    packed = tar_of([("a", b""), (member("b", LINK, "a"), b""), (member("c", HARD, "a"), b""), ("d", b"")])
    assert "more than 3 files, folders and links" in refused(place, packed, 3)
    assert place.unpack(packed, limits(4), strip=False) == 4


def test_what_was_there_before_does_not_count(place: Place) -> None:
    (place.target / "a/b").mkdir(parents=True)
    assert place.unpack(tar_of([("a/b/c", b"")]), limits(1), strip=False) == 1


def test_the_archives_of_one_task_share_the_limits(place: Place, tmp_path: Path) -> None:
    archive, used, stop = tmp_path / "archive", Used(files=5, bytes=10), threading.Event()
    archive.write_bytes(tar_of([("a/b", b"12345"), ("a/c", b"12345")]))
    unpack(archive, place.target, "scans", Limits(8, 20, 100), stop, used=used, strip_common=False)
    assert used == Used(files=8, bytes=20)
    (other := tmp_path / "other").mkdir()
    for allowed, why in (
        (Limits(8, 99, 100), "with the task's other inputs, it has more than 8 files, folders and links"),
        (Limits(99, 29, 100), "with the task's other inputs, it is larger than 29 bytes"),
    ):
        with pytest.raises(TaskError, match=why):
            unpack(archive, other, "scans", allowed, stop, used=used, strip_common=False)
        assert len(everything(other)) <= 3


@pytest.mark.parametrize("strip", [True, False])
@pytest.mark.parametrize("pack", [tar_of, zip_of])
def test_a_path_that_is_too_long_only_where_it_is_unpacked_is_refused(
    tmp_path: Path, pack: Pack, strip: bool
) -> None:
    deep = Path(tmp_path, *["d" * 200] * 10)
    deep.mkdir(parents=True)
    room = 4095 - len(os.fsencode(deep))
    for length, fits in ((room, True), (room + 1, False)):
        name = "/".join(["top", *(["x" * 100] * ((length - 10) // 101))])
        name += "/" + "z" * (length - 1 - len(name) - 1)
        archive = tmp_path / "archive"
        archive.write_bytes(pack([("other", b""), (name, b"1")]))
        (tmp_path / f"{fits}").mkdir()
        if fits:
            unpack(archive, deep, "scans", limits(99), threading.Event(), strip_common=strip)
            assert (deep / name).read_bytes() == b"1"  # a program can open it by its path
            (deep / "other").unlink()
        else:
            with pytest.raises(TaskError, match="a path of more than 4,095 bytes where it is unpacked"):
                unpack(archive, deep, "scans", limits(99), threading.Event(), strip_common=strip)


NAMES = st.lists(st.sampled_from("abcd"), min_size=1, max_size=5).map("/".join)
KINDS = st.sampled_from([tarfile.REGTYPE, tarfile.REGTYPE, DIR, LINK, HARD])


@settings(max_examples=300, deadline=None)
@given(entries=st.lists(st.tuples(NAMES, KINDS), min_size=1, max_size=12), zipped=st.booleans(), strip=...)
def test_the_limit_is_what_is_there_at_the_end(
    entries: list[tuple[str, bytes]], zipped: bool, strip: bool
) -> None:
    if zipped:
        packed = zip_of([(f"{name}/" if kind == DIR else name, b"") for name, kind in entries])
    else:
        packed = tar_of([(member(name, kind, "a" if kind == HARD else "b"), b"") for name, kind in entries])
    with tempfile.TemporaryDirectory() as folder:
        place = Place(Path(folder))
        try:
            place.unpack(packed, limits(1000), strip=strip)
        except TaskError:
            return  # two of one name, or a link where links may not be
        made = len(everything(place.target))
        place.empty()
        place.unpack(packed, limits(made), strip=strip)
        assert len(everything(place.target)) == made
        place.empty()
        if made:
            with pytest.raises(TaskError, match="files, folders and links"):
                place.unpack(packed, limits(made - 1), strip=strip)
            assert len(everything(place.target)) < made


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with two_buckets(tmp_path_factory.mktemp("s3")) as s3:
        yield s3


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, s3: S3Server) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    with serve(folder, s3, ALGORITHM_MAX_FILES=50, ALGORITHM_MAX_OUTPUT_FILES=60) as server:
        yield server


def test_the_folders_of_the_request_count_before_anything_is_fetched(server: Server, s3: S3Server) -> None:
    request = task(s3, "folders", "touch {output}/ran")
    request["inputs"] = [an_input("missing", "/".join("d" * 50) + "/x")]
    answer = server.post(request).json()
    assert answer["reason"] == "input"
    assert answer["user_safe_error_message"] == (
        "The inputs have more than 50 files and folders, the limit that ALGORITHM_MAX_FILES sets."
    )


def test_many_small_archives_count_together(server: Server, s3: S3Server) -> None:
    s3.put(INPUTS, "ten.tar", tar_of([(f"x/{n}", b"") for n in range(10)]))
    request = task(s3, "archives", "find ${0%/*} | wc -l > ${ALGORITHM_OUTPUT}/count")
    script = request["inputs"]
    for number, reason in ((3, "ok"), (5, "input")):
        more = [an_input("ten.tar", f"folder{n}/all.tar", decompress=True) for n in range(number)]
        answer = server.post({**request, "inputs": [*script, *more], "rerun": True}).json()
        assert answer["reason"] == reason, answer
    assert "with the task's other inputs, it has more than 50 files" in answer["user_safe_error_message"]
    assert SCRIPT in request["inputs"][0]["relative_path"]


@pytest.mark.parametrize(
    "script",
    [
        "for n in $(seq 61); do echo > $ALGORITHM_OUTPUT/$n; done",
        "for n in $(seq 61); do mkdir $ALGORITHM_OUTPUT/$n; done",
        "mkdir -p $ALGORITHM_OUTPUT/$(seq -s / 61)",
        "for n in $(seq 61); do ln -s x $ALGORITHM_OUTPUT/$n; done",
    ],
)
def test_whatever_a_program_leaves_counts_before_it_is_stored(
    server: Server, s3: S3Server, script: str, tmp_path: Path
) -> None:
    name = tmp_path.name
    answer = server.post(task(s3, name, script)).json()
    assert (answer["reason"], answer["outputs"]) == ("output", [])
    assert "more than 60 files, folders and links" in answer["user_safe_error_message"]
    assert server.post(task(s3, f"{name}-60", script.replace("61", "60"))).json()["reason"] == "ok"
