"""Unpacking honest archives: every format, what is left out, the limits, the disk."""

from __future__ import annotations

import io
import os
import shutil
import struct
import subprocess
import tarfile
import threading
import zipfile
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from longshore_runtime.runners.algorithm.archives.archive import Limits, unpack
from longshore_runtime.runners.algorithm.outcome import Reason, TaskError
from tests.support.archives import COMPRESS, Entries, Place, member, tar_of, tree, zip_of
from tests.support.disk import small_disk

MIB = 1024 * 1024
Pack = Callable[[Iterable[tuple[str, bytes]]], bytes]
FILES = {
    "images/one.png": os.urandom(300_000),
    "images/deep/er/ünïcode ✓.txt": "häh".encode() * 50_000,
    "empty": b"",
    "three MiB and a byte": b"0123456789abcdef" * (3 * MIB // 16) + b"!",
}
METHODS = {"stored": 0, "deflate": 8, "bzip2": 12, "lzma": 14}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "place")


@pytest.mark.parametrize("compression", COMPRESS)
def test_a_tar_is_unpacked_however_it_is_compressed(place: Place, compression: str) -> None:
    assert place.unpack(COMPRESS[compression](tar_of(FILES.items()))) == len(FILES)
    assert place.files() == FILES


@pytest.mark.parametrize("compression", sorted(COMPRESS.keys() - {"tar"}))
def test_zeros_that_fill_up_a_compressed_file_are_no_harm(place: Place, compression: str) -> None:
    assert place.unpack(COMPRESS[compression](tar_of([("x", b"1")])) + bytes(300_000)) == 1


@pytest.mark.parametrize("method", METHODS)
def test_a_zip_is_unpacked_by_every_method_zipfile_knows(place: Place, method: str) -> None:
    assert place.unpack(zip_of(FILES.items(), METHODS[method])) == len(FILES)
    assert place.files() == FILES


def test_a_zip_packed_by_zstd_is_unpacked(place: Place) -> None:
    data = FILES["three MiB and a byte"]
    packed = bytearray(zip_of([("x", COMPRESS["tar.zst"](data))], METHODS["stored"]))
    entry = packed.index(b"PK\1\2")
    struct.pack_into("<H", packed, entry + 10, 93)
    struct.pack_into("<I", packed, entry + 16, zlib.crc32(data))
    struct.pack_into("<I", packed, entry + 24, len(data))
    place.unpack(bytes(packed))
    assert place.files() == {"x": data}


def test_a_zip64_with_streamed_entries_is_unpacked(place: Place) -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    packed = Pipe()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in FILES.items():
            with archive.open(name, "w", force_zip64=True) as entry:
                entry.write(data)
    place.unpack(packed.getvalue())
    assert place.files() == FILES


@pytest.mark.parametrize("kind", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_names_are_kept_in_every_dialect_of_tar(place: Place, kind: int) -> None:
    size = 95 if kind == tarfile.USTAR_FORMAT else 250
    files = {f"{'f' * size}/{'g' * size}": b"1", "other": b"2"}
    place.unpack(tar_of(files.items(), kind))
    assert place.files() == files


@pytest.mark.parametrize("dialect", ["gnu", "0.0", "0.1", "1.0"])
def test_a_sparse_file_gets_its_holes_back(place: Place, tmp_path: Path, dialect: str) -> None:
    tar = shutil.which("tar")
    if (
        tar is None
        or "GNU tar" not in subprocess.run([tar, "--version"], capture_output=True, text=True).stdout
    ):
        pytest.skip("GNU tar is not here")
    with (tmp_path / "holes").open("wb") as file:
        for i in range(12):  # more pieces than the old format's first header holds
            file.seek(i * 100_000)
            file.write(b"data %d" % i)
        file.truncate(2 * MIB)
    (tmp_path / "next").write_bytes(b"next")
    form = ["--format=gnu"] if dialect == "gnu" else ["--format=pax", f"--sparse-version={dialect}"]
    command = [tar, "-C", str(tmp_path), "--sparse", *form, "-cf", str(tmp_path / "packed"), "holes", "next"]
    subprocess.run(command, check=True)
    assert (tmp_path / "packed").stat().st_size < MIB
    place.unpack((tmp_path / "packed").read_bytes())
    assert place.files() == {"holes": (tmp_path / "holes").read_bytes(), "next": b"next"}


@pytest.mark.parametrize("pack", [tar_of, zip_of])
@pytest.mark.parametrize(
    ("names", "left"),
    [
        (["top/x", "top/y/z"], ["x", "y/z"]),
        (["top/sub/x", "top/sub/y", "top/other"], ["sub/x", "sub/y", "other"]),
        (["top/suba", "top/subb"], ["suba", "subb"]),  # folders in common, not letters
        (["a/b/only"], ["only"]),
        (["x", "top/y"], ["x", "top/y"]),
        (["./top/x", ".//top/./y"], ["x", "y"]),
        (["top/x", "__MACOSX/top/._x", "top/.DS_Store", "desktop.ini"], ["x"]),
        (["my__MACOSX/x", "desktop.ini.txt"], ["my__MACOSX/x", "desktop.ini.txt"]),
        (["__MACOSX/x"], []),
        (["top/File", "top/file"], ["File", "file"]),
    ],
)
def test_the_folder_all_files_lie_in_and_clutter_are_left_out(
    place: Place, pack: Pack, names: list[str], left: list[str]
) -> None:
    assert place.unpack(pack([(name, b"1") for name in names])) == len(left)
    assert sorted(place.files()) == sorted(left)


def test_empty_folders_are_left_out_and_hide_no_common_folder(place: Place) -> None:
    entries: Entries = [(member("else/where", tarfile.DIRTYPE), b""), ("top/x", b"1"), ("top/y", b"1")]
    assert place.unpack(tar_of(entries)) == 2
    folder = zipfile.ZipInfo("un/marked")
    folder.external_attr = 0o040755 << 16
    place.unpack(zip_of([("none/at/all/", b""), (folder, b""), ("top/z", b"1")]))
    assert sorted(tree(place.target)) == ["x", "y", "z"]


@pytest.mark.parametrize("packed", [tar_of([]), zip_of([]), bytes(512)])
def test_an_archive_of_nothing_gives_nothing(place: Place, packed: bytes) -> None:
    assert place.unpack(packed) == 0
    assert tree(place.target) == {}


def test_backslashes_in_a_zip_are_folders(place: Place) -> None:
    place.unpack(zip_of([("top\\", b""), ("top\\a\\b.txt", b"1"), ("top\\c", b"2")]))
    assert place.files() == {"a/b.txt": b"1", "c": b"2"}


def test_a_tree_is_unpacked_as_it_is_with_links_that_stay_inside(place: Place) -> None:
    entries: Entries = [
        (member("./", tarfile.DIRTYPE), b""),
        (member("models/empty", tarfile.DIRTYPE), b""),
        ("models/blobs/1234", b"weights"),
        (member("models/snapshots/main/weights.bin", tarfile.SYMTYPE, "../../blobs/1234"), b""),
        (member("models/latest", tarfile.SYMTYPE, "./snapshots/main"), b""),
        (member("models/same", tarfile.LNKTYPE, "./models/blobs/1234"), b""),
        ("models/.DS_Store", b"clutter"),
    ]
    assert place.unpack(COMPRESS["tar.gz"](tar_of(entries)), strip=False) == 5
    found = tree(place.target)
    assert {path for path in found if path.count("/") < 2} == {
        "models", "models/empty", "models/blobs", "models/snapshots", "models/latest", "models/same",
        "models/.DS_Store",
    }  # fmt: skip
    assert (place.target / "models/latest/weights.bin").read_bytes() == b"weights"
    assert (place.target / "models/same").samefile(place.target / "models/blobs/1234")


def test_modes_keep_the_executable_bit_and_nothing_else(place: Place) -> None:
    script, secret = zipfile.ZipInfo("script"), zipfile.ZipInfo("secret")
    script.external_attr, secret.external_attr = 0o106777 << 16, 0o100600 << 16
    place.unpack(zip_of([(script, b"1"), (secret, b"2")]))
    place.unpack(tar_of([(member("tool", mode=0o7777), b"3"), (member("in/folder", mode=0), b"4")]))
    modes = {name: (place.target / name).stat().st_mode & 0o7777 for name in tree(place.target)}
    assert modes == {"script": 0o755, "secret": 0o644, "tool": 0o755, "in": 0o755, "in/folder": 0o644}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_only_what_is_made_belongs_to_the_owner(place: Place, tmp_path: Path) -> None:
    (place.target / "there").mkdir()
    archive = tmp_path / "archive"
    link = (member("there/link", tarfile.SYMTYPE, "x"), b"")
    archive.write_bytes(tar_of([("there/x", b"1"), ("new/y", b"1"), link]))
    limits = Limits(10, None, 10)
    unpack(archive, place.target, "m", limits, threading.Event(), strip_common=False, owner=(4321, 1234))
    owners = {name: (place.target / name).lstat() for name in tree(place.target)}
    theirs = [name for name, state in owners.items() if (state.st_uid, state.st_gid) == (4321, 1234)]
    assert sorted(theirs) == ["new", "new/y", "there/link", "there/x"]


def refused(place: Place, packed: bytes, limits: Limits, *, strip: bool = True) -> TaskError:
    with pytest.raises(TaskError) as caught:
        place.unpack(packed, limits, strip=strip)
    assert caught.value.message.startswith("Input 'scans': ")
    return caught.value


@pytest.mark.parametrize("strip", [True, False])
@pytest.mark.parametrize("pack", [tar_of, zip_of])
def test_the_count_of_files_is_limited_and_clutter_does_not_count(
    place: Place, pack: Pack, strip: bool
) -> None:
    names = ["x", "y", *(["__MACOSX/z"] if strip else [])]
    assert place.unpack(pack([(name, b"1") for name in names]), Limits(2, None, 100), strip=strip) == 2
    error = refused(place, pack([(name, b"1") for name in "abc"]), Limits(2, None, 100), strip=strip)
    assert error.reason is Reason.INPUT and "more than 2 files" in error.message
    assert len(tree(place.target)) <= 4


@pytest.mark.parametrize("strip", [True, False])
@pytest.mark.parametrize("pack", [tar_of, zip_of])
def test_the_size_is_limited_to_the_byte(place: Place, pack: Pack, strip: bool) -> None:
    assert place.unpack(pack([("x", bytes(10)), ("y", bytes(5))]), Limits(9, 15, 100), strip=strip) == 2
    error = refused(place, pack([("a", bytes(10)), ("b", bytes(6))]), Limits(9, 15, 100), strip=strip)
    assert error.reason is Reason.INPUT and "larger than 15 bytes" in error.message
    assert sum(map(len, place.files().values())) <= 15 + 15


def test_a_bomb_is_told_by_its_ratio_whatever_its_headers_claim(place: Place) -> None:
    compressor = zlib.compressobj(1, wbits=31)
    header = member("zeros")
    header.size = 1 << 40
    packed = compressor.compress(header.tobuf(tarfile.GNU_FORMAT))
    packed += b"".join(compressor.compress(bytes(MIB)) for _ in range(300)) + compressor.flush()
    error = refused(place, packed, Limits(9, 1 << 50, 100))
    assert error.reason is Reason.INPUT and "more than 100 times" in error.message
    assert tree(place.target) == {}
    error = refused(place, packed, Limits(9, 1 << 50, 100), strip=False)
    assert "more than 100 times" in error.message
    assert (place.target / "zeros").stat().st_size <= 256 * MIB
    place.empty()
    error = refused(place, zip_of([("zeros", bytes(300 * MIB))]), Limits(9, 1 << 50, 100))
    assert "more than 100 times" in error.message
    assert (place.target / "zeros").stat().st_size <= 256 * MIB


def test_a_high_ratio_of_little_is_no_bomb(place: Place) -> None:
    packed = zip_of([("zeros", bytes(20 * MIB))])
    assert len(packed) * 100 < 20 * MIB
    assert place.unpack(packed) == 1


def test_a_stop_ends_it(place: Place) -> None:
    stop = threading.Event()
    stop.set()
    for packed in (zip_of(FILES.items()), *(pack(tar_of(FILES.items())) for pack in COMPRESS.values())):
        with pytest.raises(TaskError) as caught:
            place.unpack(packed, stop=stop)
        assert caught.value.reason is Reason.STOPPED
    assert tree(place.target) == {}


@pytest.mark.parametrize("room", [None, 1 << 40])
@pytest.mark.parametrize("pack", [tar_of, zip_of])
def test_a_full_disk_is_said_to_be_one(tmp_path: Path, pack: Pack, room: int | None) -> None:
    archive, target = tmp_path / "archive", tmp_path / "target"
    archive.write_bytes(pack([("small", b"1"), ("large", os.urandom(2 * MIB))]))
    target.mkdir()
    with small_disk(target, "1m"), pytest.raises(TaskError) as caught:
        unpack(archive, target, "scans", Limits(9, room, 100), threading.Event())
    assert caught.value.reason is Reason.DISK and "disk" in caught.value.message
