"""Unpacking archives made to do harm: names, links, lies in headers. Nothing outside the folder changes."""

from __future__ import annotations

import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from longshore_runtime.runners.algorithm.archives.archive import Limits
from longshore_runtime.runners.algorithm.outcome import Reason, TaskError
from tests.support.archives import COMPRESS, Entries, Place, member, tar_of, tree, zip_of

MIB = 1024 * 1024
LINK, HARD = tarfile.SYMTYPE, tarfile.LNKTYPE


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "place")


Pack = Callable[[list[tuple[str, bytes]]], bytes]


def refused(place: Place, packed: bytes, *, strip: bool = True, limits: Limits | None = None) -> str:
    before = place.outside()
    with pytest.raises(TaskError) as caught:
        place.unpack(packed, limits or Limits(100, MIB, 100), strip=strip)
    assert caught.value.reason is Reason.INPUT
    assert caught.value.message.startswith("Input 'scans': ")
    assert place.outside() == before
    return caught.value.message


@pytest.mark.parametrize("strip", [True, False])
@pytest.mark.parametrize("pack", [tar_of, zip_of])
@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("/a", "absolute"),
        ("//a", "absolute"),
        ("C:\\x", "absolute"),
        ("c:/x", "absolute"),
        ("../a", "'..'"),
        ("x/../../a", "'..'"),
        ("x/..", "'..'"),
        ("__MACOSX/../../a", "'..'"),
        ("new\nline", "control"),
        ("delete\x7f", "control"),
        ("x/\x9b31m", "control"),
        ("x" * 256, "255 bytes"),
        ("é" * 128, "255 bytes"),
        ("x/" * 2100 + "x", "4,096 bytes"),
        ("x/" * 129 + "x", "folders deep"),
        (".", "no name"),
    ],
)
def test_a_name_that_leads_elsewhere_or_harms_is_refused(
    place: Place, pack: Pack, name: str, why: str, strip: bool
) -> None:
    message = refused(place, pack([("top/good", b"1"), (name, b"2")]), strip=strip)
    assert why in message and message.isprintable() and len(message) < 300


@pytest.mark.parametrize("name", ["..\\a", "x\\..\\..\\a", "\\a", "\\\\server\\a", "x\0.txt"])
def test_a_name_that_leads_elsewhere_on_windows_is_refused_in_a_zip(place: Place, name: str) -> None:
    packed = zip_of([("good", b"1"), (name.replace("\0", "@"), b"2")])
    refused(place, packed.replace(b"x@", b"x\0"))


def test_a_name_with_a_nul_or_without_utf8_is_refused_in_a_tar(place: Place) -> None:
    bad = member("x")
    bad.pax_headers = {"path": "x\0y"}
    assert "control" in refused(place, tar_of([(bad, b"1")], tarfile.PAX_FORMAT))
    assert "not UTF-8" in refused(place, tar_of([("latin \udce9", b"1")]))


@pytest.mark.parametrize("strip", [True, False])
@pytest.mark.parametrize("pack", [tar_of, zip_of])
@pytest.mark.parametrize(
    "names",
    [
        ["x", "y", "x"],
        ["x", "y", "./x"],
        ["x", "y", "x/z"],
        ["x/z", "y", "x"],
        ["there", "y"],
        ["in/there", "y"],
    ],
)
def test_nothing_is_written_twice_or_over_what_is_there(
    place: Place, pack: Pack, names: list[str], strip: bool
) -> None:
    (place.target / "in").mkdir()
    for there in ("there", "in/there"):
        (place.target / there).write_bytes(b"there")
    message = refused(place, pack([(name, b"%d" % i) for i, name in enumerate(names)]), strip=strip)
    assert "would replace" in message or "needs a folder" in message
    assert (place.target / "there").read_bytes() == (place.target / "in/there").read_bytes() == b"there"
    assert place.files().get("x", b"0") == b"0"


@pytest.mark.parametrize("strip", [True, False])
@pytest.mark.parametrize("to", ["../neighbour", "../a", "nowhere", "inside"])
def test_a_link_that_someone_put_there_is_not_followed(place: Place, to: str, strip: bool) -> None:
    (place.target / "inside").mkdir()
    (place.target / "link").symlink_to(to)
    refused(place, tar_of([("link/secret", b"1"), ("y", b"1")]), strip=strip)
    refused(place, zip_of([("link", b"1"), ("z", b"1")]), strip=strip)
    assert tree(place.target / "inside") == {}
    if not strip:
        refused(place, tar_of([(member("link/", tarfile.DIRTYPE), b""), ("link/x", b"1")]), strip=False)


@pytest.mark.parametrize("kind", [LINK, HARD, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, b"V", b"?"])
def test_links_and_devices_are_refused_where_files_are_asked_for(place: Place, kind: bytes) -> None:
    message = refused(place, tar_of([("x", b"1"), (member("y", kind, "x"), b"")]))
    assert "'y'" in message
    assert tree(place.target) == {}


def test_links_and_devices_in_a_zip_are_refused(place: Place) -> None:
    for mode in (0o120777, 0o020666, 0o010666):
        info = zipfile.ZipInfo("y")
        info.external_attr = mode << 16
        assert "'y'" in refused(place, zip_of([(info, b"/etc/passwd")]), strip=False)


@pytest.mark.parametrize(
    "entries",
    [
        [("link", LINK, "/etc")],
        [("link", LINK, "")],
        [("link", LINK, "..")],
        [("d/link", LINK, "../../a")],
        [("d/link", LINK, "../d/../../a")],
        [("a/b/c/up", LINK, "../../.."), ("out", LINK, "a/b/c/up/../neighbour")],
        [("here", LINK, "."), ("here/x", b"0", "")],
        [("d/link", LINK, ".."), ("d/link/x", HARD, "y")],
        [("link", HARD, "../a")],
        [("link", HARD, "/etc/passwd")],
        [("link", HARD, "missing")],
        [("link", HARD, "missing/deep")],
        [("link", HARD, ".")],
        [("link", HARD, "link")],
        [("soft", LINK, "y"), ("link", HARD, "soft")],
        [("link", HARD, "others/secret")],
        [("link", LINK, "new\nline")],
        [("link", LINK, "x/" * 2100)],
        [("y", LINK, "elsewhere")],
        [("y", HARD, "y")],
    ],
)
def test_a_link_that_leads_out_or_is_written_through_is_refused(
    place: Place, entries: list[tuple[str, bytes, str]]
) -> None:
    (place.target / "others").symlink_to("../neighbour")
    packed: Entries = [("y", b"1"), *((member(name, kind, link), b"") for name, kind, link in entries)]
    refused(place, tar_of(packed), strip=False)
    assert place.files() == {"y": b"1"}


def edited(packed: bytes, at: int, size: int, change: bytes) -> bytes:
    """The archive with the bytes at this place of its central directory's first entry changed."""
    start = packed.index(b"PK\1\2") + at
    return packed[:start] + change + packed[start + size :]


ONE = zip_of([("good", b"data" * 100)], zipfile.ZIP_STORED)


@pytest.mark.parametrize(
    ("packed", "why"),
    [
        (edited(ONE, 8, 2, b"\1\0"), "encrypted"),
        (edited(ONE, 8, 2, b"\x41\0"), "encrypted"),
        (edited(ONE, 10, 2, struct.pack("<H", 97)), "method that is not known"),
        (edited(ONE, 10, 2, struct.pack("<H", 8)), "cannot be decompressed"),
        (edited(ONE, 10, 2, struct.pack("<H", 12)), "cannot be decompressed"),
        (edited(ONE, 10, 2, struct.pack("<H", 14)), "LZMA"),
        (edited(ONE, 16, 4, b"\0\0\0\0"), "checksum"),
        (ONE.replace(b"data", b"dada", 1), "checksum"),
        (edited(ONE, 24, 4, struct.pack("<I", 399)), "not as long"),
        (edited(ONE, 24, 4, struct.pack("<I", 401)), "not as long"),
        (edited(ONE, 20, 4, struct.pack("<I", 401)), "overlaps the directory"),
        (edited(ONE, 42, 4, struct.pack("<I", 7)), "header is not where"),
        (edited(ONE, 42, 4, struct.pack("<I", 1 << 30)), "header is not where"),
        (edited(ONE, 24, 4, struct.pack("<I", 2 << 30)), "larger than"),
        (ONE.replace(b"good", b"evil", 1), "header is not where"),
        (b"PK\3\4" + bytes(500), "directory cannot be read"),
        (b"GIF89a" + bytes(5000), "not an archive that is known"),
        (b"", "not an archive that is known"),
        (COMPRESS["tar.gz"](b"only text"), "holds no tar"),
        (COMPRESS["tar.gz"](tar_of([("x", b"1")])) + b"more", "cannot be decompressed"),
        (tar_of([("x", b"1")])[:1024] + b"?" * 1024, "no header stands"),
        (tar_of([("x", b"1")])[:1024], "cut off"),
    ],
)
def test_what_is_wrong_with_an_archive_is_said(place: Place, packed: bytes, why: str) -> None:
    assert why in refused(place, packed)


def test_entries_that_share_their_data_are_refused(place: Place) -> None:
    packed = zip_of([("one", b"x" * 1000), ("two", b"x" * 1000)])
    second = packed.rindex(b"PK\1\2")
    packed = packed[: second + 42] + bytes(4) + packed[second + 46 :]
    assert "overlaps another" in refused(place, packed)
    assert tree(place.target) == {}


def sparse(pieces: list[tuple[int, int]], size: int, packed_size: int) -> bytes:
    """The header of a sparse file in GNU's old format."""
    info = member("holes", tarfile.GNUTYPE_SPARSE)
    info.size = packed_size
    header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    for i, number in enumerate([*(n for piece in pieces for n in piece), size]):
        at = 386 + 12 * i if i < 2 * len(pieces) else 483
        header[at : at + 12] = b"%011o\0" % number if number >= 0 else number.to_bytes(12, "big", signed=True)
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header)


@pytest.mark.parametrize(
    ("pieces", "size", "packed", "why"),
    [
        ([(0, 512), (256, 512)], 1024, 1024, "size is wrong"),
        ([(0, 512), (512, -512)], 1024, 1024, "size is wrong"),
        ([(0, 1024)], 512, 1024, "size is wrong"),
        ([(0, 1024)], 1024, 512, "overlap"),
        ([(0, 512), (1 << 32, 512)], (1 << 32) + 512, 1024, "larger than"),
    ],
)
def test_a_sparse_file_whose_map_is_wrong_is_refused(
    place: Place, pieces: list[tuple[int, int]], size: int, packed: int, why: str
) -> None:
    rest = tar_of([("next", b"1")])
    assert place.unpack(sparse([(0, 512), (600, 512)], 2000, 1024) + bytes(1024) + rest) == 2
    place.empty()
    assert why in refused(place, sparse(pieces, size, packed) + bytes(packed) + rest, strip=False)
