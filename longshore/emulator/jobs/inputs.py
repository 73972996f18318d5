"""Which objects of S3 a job reads, which of them each host gets, and how they become files.

For training's channels, processing's inputs and transform's data alike: their requests name the same things.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from longshore.emulator.books import Books
from longshore.emulator.faults import AwsError, Failure
from longshore.emulator.jobs.keys import below
from longshore.emulator.s3_uri import S3Uri, parse_s3_uri
from longshore.emulator.watched import copy

Item = TypeVar("Item")


class Source(NamedTuple):
    """One object. name: the path it has below its channel's folder; size: bytes."""

    uri: S3Uri
    name: str
    size: int


def check(books: Books, uri: S3Uri, role: str | None, region: str) -> None:
    """AwsError, in SageMaker's words, where no object is there to be read."""
    if not books.bucket_exists(uri.bucket) or not books.list_objects(*uri):
        allowed = f', and that the role "{role}" has "s3:ListBucket" permissions on bucket "{uri.bucket}"'
        raise AwsError(
            "ValidationException",
            f'No S3 objects found under S3 URL "{uri}" given in input data source. Please ensure that the'
            f" bucket exists in the selected region ({region}), that objects exist under that S3 prefix"
            f"{allowed if role else ''}.",
        )


def check_bucket(books: Books, text: str, member: str) -> S3Uri:
    """The URI a job writes to; AwsError where its bucket is not there."""
    uri = parse_s3_uri(text)
    if not books.bucket_exists(uri.bucket):
        raise AwsError("ValidationException", f'{member}: the S3 bucket "{uri.bucket}" does not exist.')
    return uri


def sources(books: Books, data_type: str, text: str) -> list[Source]:
    """The objects that S3DataType and S3Uri name, sorted by key, or as the manifest has them."""
    uri = parse_s3_uri(text)
    if data_type == "ManifestFile":
        return list(_of_manifest(books, uri))
    try:
        found = books.list_objects(*uri)
    except AwsError as error:
        raise Failure(f"ClientError: Data download failed: {error.message}") from None
    # A key that ends with a slash is what consoles show as a folder.
    return [
        Source(S3Uri(uri.bucket, item.key), below(uri.key, item.key), item.size)
        for item in found
        if not item.key.endswith("/")
    ]


def _of_manifest(books: Books, uri: S3Uri) -> Iterator[Source]:
    manifest = read_json(books, uri)
    ok = isinstance(manifest, list) and manifest and isinstance(manifest[0], dict)
    if not ok or not isinstance(prefix := manifest[0].get("prefix"), str):
        raise Failure(f'ClientError: {uri} is no manifest: it must begin with {{"prefix": "s3://..."}}.')
    for name in manifest[1:]:
        if not isinstance(name, str):
            raise Failure(f"ClientError: {uri} is no manifest: {name!r} is not the end of a key.")
        item = parse_s3_uri(prefix + name)
        found = books.find_object(*item)
        if found is None:
            raise Failure(f"ClientError: Data download failed: {item}, which {uri} names, does not exist.")
        yield Source(item, below("", name.lstrip("/")), found.size)


def read_json(books: Books, uri: S3Uri) -> Any:
    """A whole object as JSON; Failure where it is none, or not there."""
    try:
        with books.read(*uri) as stream:
            return json.load(stream)
    except AwsError as error:
        raise Failure(f"ClientError: Data download failed: {error.message}") from None
    except ValueError as error:
        raise Failure(f"ClientError: {uri} is not JSON: {error}.") from None


def share(items: list[Item], distribution: str, index: int, hosts: int) -> list[Item]:
    """What one of so many hosts gets: all of it, or its part where it is ShardedByS3Key."""
    return items[index::hosts] if distribution == "ShardedByS3Key" else items


def shuffled(items: list[Item], seed: int | None, epoch: int) -> list[Item]:
    """As ShuffleConfig has it: another order each epoch, and the same with the same seed."""
    if seed is None:
        return items
    return random.Random(f"{seed}/{epoch}").sample(items, len(items))


def lay_out(books: Books, found: list[Source], folder: Path, check_stop: Callable[[], None]) -> None:
    """Copy objects to files; Failure where two cannot both be files. check_stop may raise between
    blocks."""
    folder.mkdir(parents=True, exist_ok=True)
    written: set[Path] = set()
    for source in found:
        check_stop()
        path = folder / source.name
        if path in written:  # such as a//b and a/b
            raise Failure(
                f"ClientError: Data download failed: {source.uri} and another object would be the same file."
            )
        written.add(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with books.read(*source.uri) as stream, path.open("wb") as file:
                copy(stream, file, check_stop)
        except AwsError as error:
            raise Failure(f"ClientError: Data download failed: {error.message}") from None
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            raise Failure(
                f"ClientError: Data download failed: {source.uri} and another object cannot both be files,"
                " because the key of one is the folder of the other."
            ) from None
        except OSError as error:
            raise Failure(f"ClientError: Data download failed: {source.uri}: {error.strerror}.") from None


def s3_data_source(channel: Mapping[str, Any], member: str) -> Mapping[str, Any]:
    """The S3DataSource of a channel; AwsError for a file system, which only AWS has."""
    source = channel["DataSource"].get("S3DataSource")
    if source is None:
        raise AwsError("ValidationException", f"{member}: the emulator reads data from S3DataSource alone.")
    return dict(source)
