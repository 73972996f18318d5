"""Lays out /opt/ml for a container: where the model's files come from, and what is mounted where."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

from longshore.common.tar import tarfile
from longshore.emulator.books import Books
from longshore.emulator.faults import AwsError, Failure
from longshore.emulator.s3_uri import S3Uri, parse_s3_uri
from longshore.emulator.watched import Check, Watched, copy
from longshore.engines.base import HOST_PREFIX, Mount

ROOT = "/opt/ml"


def mounts(image: str, folder: Path, *parts: tuple[str, bool]) -> tuple[Mount, ...]:
    """Mounts at /opt/ml. parts: paths below a folder, and whether each is read-only: folder/model for
    /opt/ml/model.

    Parts that are not there are made. In an image only they are mounted, because it may have files of its own
    beside them (/opt/ml/code). On the host there is no /opt/ml to keep, and the engine wants one: an empty
    folder.
    """
    for part, _ in parts:
        (folder / part).mkdir(parents=True, exist_ok=True)
    whole: tuple[Mount, ...] = ()
    if image.startswith(HOST_PREFIX):
        (folder / "opt_ml").mkdir(exist_ok=True)
        whole = (Mount(folder / "opt_ml", ROOT),)
    return (*whole, *(Mount(folder / part, f"{ROOT}/{part}", read_only) for part, read_only in parts))


def fetch_model(books: Books, container: dict[str, Any], target: Path, check: Check) -> None:
    """Put a container definition's model into a folder: ModelDataUrl or ModelDataSource (A17); Failure where
    it cannot.

    Without either, the folder stays empty. check is called between blocks, and may raise.
    """
    target.mkdir(parents=True, exist_ok=True)
    source = container.get("ModelDataSource", {}).get("S3DataSource")
    try:
        if source is None:
            if container.get("ModelDataUrl"):
                extract(books, parse_s3_uri(container["ModelDataUrl"]), target, check)
        elif source["CompressionType"] == "Gzip":
            extract(books, parse_s3_uri(source["S3Uri"]), target, check)
        elif source["S3DataType"] == "S3Object":
            uri = parse_s3_uri(source["S3Uri"])
            copy_object(books, uri, target / PurePosixPath(uri.key).name, check)
        else:
            copy_prefix(books, parse_s3_uri(source["S3Uri"]), target, check)
    except AwsError as error:
        raise Failure(error.message) from None
    except OSError as error:
        raise Failure(
            f"The model could not be laid out on this machine: {error.strerror or error}."
        ) from error


def extract(books: Books, uri: S3Uri, target: Path, check: Check) -> None:
    """Unpack a tar archive that may be anybody's. Links and special files are refused (A17).

    check is called between blocks, and may raise.
    """
    try:
        with (
            books.read(*uri) as stream,
            tarfile.open(fileobj=cast("IO[bytes]", Watched(stream, check)), mode="r|*") as archive,
        ):
            for member in archive:
                if not (member.isfile() or member.isdir()):
                    what = "link" if member.issym() or member.islnk() else "special file"
                    raise Failure(
                        f"{uri} has a {what}, {member.name!r}. SageMaker takes files and folders only (A17): "
                        "make the archive with `tar --dereference --hard-dereference`."
                    )
                archive.extract(member, target, filter="data")
    except tarfile.FilterError as error:
        raise Failure(f"{uri} is refused: {error}.") from None
    except (tarfile.TarError, EOFError) as error:
        raise Failure(f"{uri} is no tar.gz archive, or a damaged one: {error}.") from None
    except OSError as error:
        if error.errno is None:  # gzip's own, which has no number
            raise Failure(f"{uri} is no tar.gz archive, or a damaged one: {error}.") from None
        raise


def copy_prefix(books: Books, uri: S3Uri, target: Path, check: Check) -> None:
    """Copy all objects whose keys begin so into a folder, keeping what of the key follows the prefix's
    last slash.
    """
    found = books.list_objects(uri.bucket, uri.key)
    if not found:
        raise Failure(f"There is no S3 object whose key begins with {uri}.")
    base = uri.key.rpartition("/")[0]
    written: set[Path] = set()
    for item in found:
        relative = item.key[len(base) :].lstrip("/")
        if not relative or relative.endswith("/"):
            continue
        path = inside(target, relative)
        if path in written:  # such as a//b and a/b
            raise Failure(f"s3://{uri.bucket}/{item.key} and another object would be the same file.")
        written.add(path)
        copy_object(books, S3Uri(uri.bucket, item.key), path, check)


def copy_object(books: Books, uri: S3Uri, target: Path, check: Check) -> None:
    """Copy an object into a file, whose folder is made."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with books.read(*uri) as stream, target.open("wb") as file:
        copy(stream, file, check)


def inside(folder: Path, relative: str) -> Path:
    """A path below the folder; Failure where a key would lead out of it."""
    parts = PurePosixPath(relative).parts
    if ".." in parts or relative.startswith("/"):
        raise Failure(f"The key {relative!r} would be written outside of its folder.")
    if "\0" in relative:
        raise Failure(f"The key {relative!r} cannot be a file's path.")
    return folder.joinpath(*parts)
