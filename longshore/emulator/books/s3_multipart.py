"""Multipart uploads of moto's S3: parts are put together as files, and every stated checksum is verified."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from longshore.emulator.books import checksums
from longshore.emulator.books.objects import Shelf
from longshore.emulator.books.patching import put
from longshore.emulator.books.xml_documents import local_name
from longshore.emulator.faults import AwsError

_COMPOSITE, _FULL_OBJECT = "COMPOSITE", "FULL_OBJECT"
_ONLY_COMPOSITE = {"SHA1", "SHA256"}  # a whole object's cannot be made from those of its parts
_ONLY_FULL_OBJECT = {"CRC64NVME"}


class _Completion(list[tuple[int, str]]):
    """The parts that a CompleteMultipartUpload names: number and ETag.

    Attributes:
        checksums: What it states of each part, by algorithm.
        headers: The request's.
    """

    def __init__(self, headers: Any) -> None:
        super().__init__()
        self.checksums: list[dict[str, str]] = []
        self.headers = headers


def patch(shelf: Shelf, undo: ExitStack) -> None:
    """Until it is undone uploads in parts are verified, and never in memory as a whole."""
    _receive_parts(shelf, undo)
    _complete(shelf, undo)
    _answer_with_checksums(undo)


def completed_by(response: Any, key_name: str, upload: str) -> Any:
    """Return the object that a completed upload made: a repeated completion answers with it. None if none."""
    key = response.backend.get_object(response.bucket_name, key_name)
    return key if key is not None and key.multipart and key.multipart.id == upload else None


def _receive_parts(shelf: Shelf, undo: ExitStack) -> None:
    from moto.s3.exceptions import InvalidRange, MissingKey, NoSuchUpload
    from moto.s3.models import FakeMultipart, S3Backend

    create: Any = S3Backend.create_multipart_upload
    set_known: Any = FakeMultipart.set_part
    complete: Any = S3Backend.complete_multipart_upload

    def upload_of(backend: Any, bucket: str, upload: str) -> Any:
        found = backend.get_bucket(bucket).multiparts.get(upload)
        if found is None:
            raise NoSuchUpload(upload_id=upload)
        return found

    def create_multipart_upload(
        backend: Any, bucket_name: str, key_name: str, metadata: Any, *args: Any, **rest: Any
    ) -> Any:
        _check_kind(metadata)
        return create(backend, bucket_name, key_name, metadata, *args, **rest)

    def set_part(multipart: Any, part_id: int, value: Any) -> Any:
        incoming = shelf.incoming_now()
        checksum = incoming.checksum if incoming else None
        key = set_known(multipart, part_id, value)
        if checksum:
            key.checksum_algorithm, key.checksum_value = checksum
        return key

    def upload_part(backend: Any, bucket_name: str, multipart_id: str, part_id: int, value: Any) -> Any:
        return upload_of(backend, bucket_name, multipart_id).set_part(part_id, value)

    def upload_part_copy(
        backend: Any,
        dest_bucket_name: str,
        multipart_id: str,
        part_id: int,
        src_bucket_name: str,
        src_key_name: str,
        src_version_id: str | None,
        start_byte: int | None,
        end_byte: int | None,
    ) -> Any:
        upload = upload_of(backend, dest_bucket_name, multipart_id)
        source = backend.get_object(src_bucket_name, src_key_name, src_version_id)
        if source is None:
            raise MissingKey(src_key_name)
        start, end = (
            (0, source.size - 1) if start_byte is None or end_byte is None else (start_byte, end_byte)
        )
        if source.size and not 0 <= start <= end < source.size:
            raise InvalidRange(range_requested=f"bytes={start}-{end}", actual_size=str(source.size))
        path = shelf.slice(source._value_buffer, start, end + 1)
        try:
            return upload.set_part(part_id, path)
        finally:
            path.unlink(missing_ok=True)

    def complete_multipart_upload(backend: Any, bucket_name: str, multipart_id: str, body: Any) -> Any:
        upload_of(backend, bucket_name, multipart_id)
        return complete(backend, bucket_name, multipart_id, body)

    put(undo, FakeMultipart, "set_part", set_part)
    put(undo, S3Backend, "create_multipart_upload", create_multipart_upload)
    put(undo, S3Backend, "upload_part", upload_part)
    put(undo, S3Backend, "upload_part_copy", upload_part_copy)
    put(undo, S3Backend, "complete_multipart_upload", complete_multipart_upload)


def _check_kind(metadata: Any) -> None:
    """Raise S3's error if an upload asks for a checksum that S3 cannot make of parts."""
    algorithm = metadata.get("x-amz-checksum-algorithm")
    kind = metadata.get("x-amz-checksum-type")
    if kind and not algorithm:
        raise AwsError(
            "InvalidRequest",
            "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.",
        )
    if not algorithm:
        return
    known = checksums.known(algorithm)
    if kind and kind not in (_COMPOSITE, _FULL_OBJECT):
        raise AwsError("InvalidRequest", "Value for x-amz-checksum-type header is invalid.")
    refused = {_COMPOSITE: _ONLY_FULL_OBJECT, _FULL_OBJECT: _ONLY_COMPOSITE}.get(kind or "", set())
    if known in refused:
        raise AwsError(
            "InvalidRequest",
            f"The {kind} checksum type cannot be used with the {algorithm.lower()} checksum algorithm.",
        )


def _complete(shelf: Shelf, undo: ExitStack) -> None:
    from moto.s3 import models as real
    from moto.s3.exceptions import InvalidPartOrder, MalformedXML, NoSuchUpload
    from moto.s3.responses import S3Response

    models: Any = real
    post: Any = S3Response._key_response_post

    def read_body(response: Any, body: bytes) -> _Completion:
        completion = _Completion({name.lower(): value for name, value in response.headers.items()})
        try:
            for part in _children(ElementTree.fromstring(body), "Part"):
                members = {local_name(member): member.text or "" for member in part}
                completion.append((int(members["PartNumber"]), members["ETag"]))
                stated = {name.removeprefix("Checksum"): text for name, text in members.items()}
                completion.checksums.append({n: t for n, t in stated.items() if n in checksums.ALGORITHMS})
        except (ElementTree.ParseError, KeyError, ValueError):
            raise MalformedXML from None
        return completion

    def complete(multipart: Any, body: Iterable[tuple[int, str]]) -> tuple[Path, str, Any]:
        completion = body if isinstance(body, _Completion) else _Completion({})
        wanted = list(body)
        parts = [multipart.parts.get(number) for number, _ in wanted]
        if not parts:
            raise models.MalformedXML
        numbers = [number for number, _ in wanted]
        if numbers != sorted(set(numbers)):
            raise InvalidPartOrder
        etags = [etag.strip('"') for _, etag in wanted]
        if any(part is None or part.etag.strip('"') != etag for part, etag in zip(parts, etags, strict=True)):
            raise models.InvalidPart()
        for part, stated in zip(parts, completion.checksums, strict=False):
            if any(_checksum_of(part, name) != value for name, value in stated.items()):
                raise models.InvalidPart()
        if any(part.contentsize < models.S3_UPLOAD_PART_MIN_SIZE for part in parts[:-1]):
            raise models.EntityTooSmall()
        size = completion.headers.get("x-amz-mp-object-size")
        if size and size != str(sum(part.contentsize for part in parts)):
            raise AwsError(
                "InvalidRequest",
                "The provided 'x-amz-mp-object-size' header does not match what was computed.",
            )
        # Now, because moto drops the parts before it makes the object.
        whole = shelf.join([part._value_buffer for part in parts])
        try:
            checksum = _checksum_of_upload(multipart.metadata, parts, whole, completion.headers)
        except BaseException:
            whole.unlink()
            raise
        multipart.partlist = [number for number, _ in wanted]  # the object's parts are these alone
        together = hashlib.md5(b"".join(bytes.fromhex(etag) for etag in etags), usedforsecurity=False)
        return whole, f"{together.hexdigest()}-{len(parts)}", checksum

    def key_response_post(
        response: Any, request: Any, body: bytes, bucket_name: str, query: dict[str, Any], key_name: str
    ) -> Any:
        # moto answers a repeated completion as the first one, whatever it names.
        for upload_id in query.get("uploadId", []):
            key = completed_by(response, key_name, upload_id)
            if key is not None:
                parts = [(n, key.multipart.parts[n].etag.strip('"')) for n in key.multipart.partlist]
                if [(n, etag.strip('"')) for n, etag in read_body(response, body)] != parts:
                    raise NoSuchUpload(upload_id=upload_id)
        return post(response, request, body, bucket_name, query, key_name)

    put(undo, S3Response, "_key_response_post", key_response_post)
    put(undo, S3Response, "_complete_multipart_body", read_body)
    put(undo, models.FakeMultipart, "complete", complete)


def _checksum_of_upload(
    metadata: Any, parts: list[Any], whole: Path, headers: Any
) -> tuple[str, str, int] | None:
    """Return the type, the value and the number of parts, as moto keeps them.

    Raises:
        AwsError: BadDigest if the request states another.
    """
    algorithm = (metadata.get("x-amz-checksum-algorithm") or "").upper()
    stated = checksums.header_of(headers)
    if not algorithm:
        return None
    default = _FULL_OBJECT if algorithm in _ONLY_FULL_OBJECT else _COMPOSITE
    kind = metadata.get("x-amz-checksum-type") or default
    if kind == _COMPOSITE:
        digests = (base64.b64decode(_checksum_of(part, algorithm)) for part in parts)
        value, count = checksums.checksum_of(algorithm, digests).value, len(parts)
    else:
        value, count = checksums.file_checksum(algorithm, whole).value, 1
    if stated and (
        stated.lower() != f"x-amz-checksum-{algorithm.lower()}"
        or headers[stated] not in (value, f"{value}-{len(parts)}")
    ):
        raise checksums.mismatch(algorithm)
    return kind, value, count


def _checksum_of(part: Any, algorithm: str) -> str:
    """Return a part's checksum: the one that was stated with it, and verified, or else a new one."""
    if part.checksum_algorithm == algorithm and part.checksum_value:
        return str(part.checksum_value)
    return checksums.file_checksum(algorithm, part._value_buffer.path).value


def _answer_with_checksums(undo: ExitStack) -> None:
    """Answers of ListParts and CompleteMultipartUpload carry the checksums, which moto leaves out."""
    from moto.s3.responses import S3Response

    known: Any = S3Response.serialized

    def serialized(response: Any, action_result: Any) -> Any:
        action, result = response.data.get("Action"), action_result.result
        if action == "CompleteMultipartUpload" and isinstance(result, dict):
            key = response.backend.get_object(result["Bucket"], result["Key"])
            if key is not None and key.checksum_value and key.checksum_algorithm:
                suffix = f"-{key.checksum_parts}" if key.checksum_type == _COMPOSITE else ""
                result[f"Checksum{key.checksum_algorithm.upper()}"] = key.checksum_value + suffix
                result["ChecksumType"] = key.checksum_type
        elif action == "ListParts" and isinstance(result, dict):
            upload = response.backend.get_bucket(result["Bucket"]).multiparts[result["UploadId"]]
            result["ChecksumAlgorithm"] = upload.metadata.get("x-amz-checksum-algorithm")
            result["ChecksumType"] = upload.metadata.get("x-amz-checksum-type")
            for item in result["Parts"]:
                part = upload.parts[item["PartNumber"]]
                if part.checksum_algorithm:
                    item[f"Checksum{part.checksum_algorithm}"] = part.checksum_value
        return known(response, action_result)

    put(undo, S3Response, "serialized", serialized)


def _children(element: ElementTree.Element, name: str) -> list[ElementTree.Element]:
    return [child for child in element if local_name(child) == name]
