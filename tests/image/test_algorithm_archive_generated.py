"""Unpacking whatever is sent: cut, changed and generated archives, and the memory that lies may take."""

from __future__ import annotations

import lzma
import os
import struct
import tarfile
import tempfile
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from longshore_runtime.runners.algorithm.archives.archive import Limits
from longshore_runtime.runners.algorithm.outcome import Reason, TaskError
from tests.support.archives import COMPRESS, Entries, Place, member, tar_of, tree, zip_of
from tests.support.files import everything

MIB = 1024 * 1024
FILES = {"top/x": os.urandom(50), "top/y/\u00fc": b"y" * 600}
PACKED = {name: compress(tar_of(FILES.items())[:3072]) for name, compress in COMPRESS.items()}  # no padding
PACKED["zip"] = zip_of(FILES.items())
# What finds every changed bit; a bare tar and zstd's default do not look at data.
CHECKED = ("zip", "tar.gz", "tar.bz2", "tar.xz")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "place")


def unpacks(place: Place, packed: bytes, *, strip: bool = True) -> bool:
    """Whether it is unpacked, or refused as a broken input; anything else fails the test."""
    before = place.outside()
    try:
        place.unpack(packed, Limits(100, MIB, 100), strip=strip)
    except TaskError as error:
        if error.reason is not Reason.INPUT:
            raise
        return False
    finally:
        assert place.outside() == before
    return True


@pytest.mark.parametrize("form", PACKED)
def test_an_archive_cut_anywhere_is_refused(place: Place, form: str) -> None:
    packed = PACKED[form]
    step = len(packed) // 300 + 1
    for end in {*range(0, len(packed), step), *range(0, len(packed), 512), len(packed) - 1}:
        assert not unpacks(place, packed[:end]), end
        place.empty()
    assert unpacks(place, packed)


@settings(max_examples=400)
@given(
    form=st.sampled_from(sorted(PACKED)),
    changes=st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(1, 255)), min_size=1, max_size=4),
    strip=st.booleans(),
)
def test_a_changed_archive_is_refused_or_gives_the_right_bytes(
    form: str, changes: list[tuple[int, int]], strip: bool
) -> None:
    packed = bytearray(PACKED[form])
    for at, flip in changes:
        packed[at % len(packed)] ^= flip
    with tempfile.TemporaryDirectory() as folder:
        place = Place(Path(folder))
        if unpacks(place, bytes(packed), strip=strip) and form in CHECKED:
            assert set(place.files().values()) <= set(FILES.values())


names = st.builds(
    lambda lead, separator, steps: lead + separator.join(steps),
    st.sampled_from(["", "", "", "", "/", "./", "../", "\\", "C:\\", "../neighbour/", "target/"]),
    st.sampled_from(["/", "/", "/", "//", "\\"]),
    st.lists(
        st.sampled_from(["a", "b", "c", "a", "b", "c", "there", "link", "secret", ".", "..", "", "__MACOSX"])
        | st.text(max_size=3)
        | st.sampled_from(["x" * 256, "\udcff", "neighbour", "target"]),
        min_size=1,
        max_size=4,
    ),
)
kinds = st.sampled_from(
    [tarfile.REGTYPE] * 3
    + [tarfile.SYMTYPE] * 3
    + [tarfile.LNKTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.CHRTYPE, tarfile.GNUTYPE_SPARSE]
)
entries = st.lists(st.tuples(names, kinds, names), min_size=1, max_size=6)
UP = ("a/b/c", tarfile.SYMTYPE, "../..")


@settings(max_examples=500)
@given(
    entries=entries, form=st.sampled_from(["gnu", "pax", "zip"]), strip=st.booleans(), linked=st.booleans()
)
@example([UP, ("b", tarfile.SYMTYPE, "a/b/c/../neighbour")], "gnu", False, False)
@example([("a", tarfile.SYMTYPE, "a//a")], "gnu", False, False)
@example([("link/secret", tarfile.REGTYPE, "")], "gnu", False, True)
@example([("c", tarfile.LNKTYPE, "link/secret")], "gnu", False, True)
@example([("a", tarfile.SYMTYPE, "x" * 256)], "gnu", False, False)
def test_no_name_and_no_link_changes_anything_outside_the_folder_or_in_it(
    entries: list[tuple[str, bytes, str]], form: str, strip: bool, linked: bool
) -> None:
    if form == "zip":
        files = [(name[:60000].encode(errors="replace").decode(), b"new") for name, kind, link in entries]
        packed = zip_of(files)
    else:
        infos: Entries = [
            (member(name, kind, link), b"new" if kind == tarfile.REGTYPE else b"")
            for name, kind, link in entries
        ]
        packed = tar_of(infos, tarfile.PAX_FORMAT if form == "pax" else tarfile.GNU_FORMAT)
    with tempfile.TemporaryDirectory() as folder:
        place = Place(Path(folder))
        (place.target / "there").write_bytes(b"there")
        if linked:
            (place.target / "link").symlink_to("../neighbour")
        before = tree(place.target)
        unpacks(place, packed, strip=strip)
        after = tree(place.target)
        assert before.items() <= after.items()
        if not linked:
            for path in everything(place.target):
                leads_to = Path(os.path.realpath(path))  # which takes a link to itself for what it is
                assert leads_to.is_relative_to(place.target.resolve()), path


def memory_to_refuse(place: Place, packed: bytes, limits: Limits) -> int:
    """The most bytes held while this is found to be no good."""
    tracemalloc.start()
    try:
        with pytest.raises(TaskError) as caught:
            place.unpack(packed, limits, strip=False)
        assert caught.value.reason is Reason.INPUT
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_lies_about_sizes_take_no_memory(place: Place) -> None:
    zeros = bytes(40 * MIB)
    packed = [zip_of([("x", zeros)], method) for method in (0, 8, 12, 14)]
    packed += [COMPRESS[form](tar_of([("x", zeros)])) for form in ("tar.gz", "tar.bz2", "tar.zst")]
    for kind in (tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.REGTYPE, b"?"):
        info = member("x", kind)
        info.size = 8 << 30
        packed.append(COMPRESS["tar.zst"](info.tobuf(tarfile.GNU_FORMAT) + zeros))
    del zeros
    for archive in packed:
        assert memory_to_refuse(place, archive, Limits(100, 39 * MIB, 1 << 20)) < 20 * MIB
        place.empty()


def with_directory(directory: bytes, count: int) -> bytes:
    """A zip of one entry with another directory, and what the end of it says of its count."""
    packed = zip_of([("x", b"1")])
    start = packed.index(b"PK\1\2")
    end = struct.pack("<4s4xHHIIH", b"PK\5\6", count, count, len(directory), start, 0)
    return packed[:start] + directory + end


@pytest.mark.parametrize("count", [1, 0xFFFF])
def test_a_zip_of_too_many_entries_is_refused_before_they_are_read(place: Place, count: int) -> None:
    packed = zip_of([("x", b"1")])
    entry = packed[packed.index(b"PK\1\2") : packed.index(b"PK\5\6")]
    assert unpacks(place, with_directory(entry, 1))
    archive = with_directory(entry * 200_000, count)
    assert memory_to_refuse(place, archive, Limits(100, MIB, 100)) < 2 * len(archive)


def test_a_zip_with_an_endless_directory_is_refused_before_it_is_read(place: Place) -> None:
    assert memory_to_refuse(place, with_directory(bytes(65 * MIB), 1), Limits(100, MIB, 100)) < MIB


def wide_zstd(data: bytes) -> bytes:
    """A frame of one block as it is, that claims to look back over 256 MiB."""
    return b"\x28\xb5\x2f\xfd\0" + bytes([18 << 3]) + struct.pack("<I", len(data) << 3 | 1)[:3] + data


def wide_xz(data: bytes) -> bytes:
    """An xz whose header claims a dictionary of 4 GiB."""
    packed = bytearray(lzma.compress(data))
    end = 12 + (packed[12] + 1) * 4
    packed[16] = 40
    packed[end - 4 : end] = struct.pack("<I", zlib.crc32(packed[12 : end - 4]))
    return bytes(packed)


def wide_lzma(data: bytes) -> bytes:
    packed = bytearray(zip_of([("x", data)], zipfile.ZIP_LZMA))
    packed[30 + 1 + 5 : 30 + 1 + 9] = b"\xff" * 4
    return bytes(packed)


@pytest.mark.parametrize("packed", [wide_zstd(tar_of([])), wide_xz(tar_of([])), wide_lzma(b"x" * 99)])
def test_a_decoder_that_wants_much_memory_gets_none(place: Place, packed: bytes) -> None:
    assert memory_to_refuse(place, packed, Limits(100, MIB, 100)) < 2 * MIB


def test_many_entries_take_no_memory(place: Place) -> None:
    folder = member("folder", tarfile.DIRTYPE)
    packed = tar_of([*([(folder, b"")] * 4900), ("x", bytes(2 * MIB))])
    assert memory_to_refuse(place, packed, Limits(1000, MIB, 100)) < 4 * MIB


@pytest.mark.parametrize("endless", [b"L", b"S"])
def test_headers_without_end_are_refused(place: Place, endless: bytes) -> None:
    header = bytearray(member("x", endless).tobuf(tarfile.GNU_FORMAT))
    header[482] = 1  # in a sparse file's header: more of its map follows
    header[148:156] = b"%06o\0 " % (sum(header) - sum(header[148:156]) + 8 * 32)
    more = bytes(504) + b"\1" + bytes(7)
    with pytest.raises(TaskError, match="headers take more"):
        place.unpack(bytes(header * 20_000 if endless == b"L" else header + more * 20_000))


def test_what_tarfile_would_keep_or_search_for_long_is_refused(place: Place) -> None:
    number = member("P", tarfile.XHDTYPE)
    number.size = 60 * 1024
    with pytest.raises(TaskError, match="number of 400 digits"):
        place.unpack(number.tobuf(tarfile.GNU_FORMAT) + b"9" * number.size)
    settings = (tarfile.TarInfo.create_pax_global_header({f"key{i}": "value"}) for i in range(101))
    packed = b"".join(header + tar_of([(f"{i}", b"1")])[:1024] for i, header in enumerate(settings))
    with pytest.raises(TaskError, match="too many global headers"):
        place.unpack(packed + bytes(1024))
    folders: Entries = [(member("d", tarfile.DIRTYPE), b"")] * 5000
    with pytest.raises(TaskError, match="more than 1,200 entries"):
        place.unpack(tar_of(folders), Limits(100, MIB, 100), strip=False)
