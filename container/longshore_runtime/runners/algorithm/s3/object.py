"""An object to be, as S3 takes it: what is sent must be what the answer proves S3 to have.

Every request carries the MD5 of its bytes, by which S3 refuses other ones, and the ETag of the answer is
compared with that. An ETag that is no MD5 (keys of KMS, directory buckets) is believed of S3 alone: a server
that does not show by a request id that it is S3 is asked for the object's ETag and length.
"""

from __future__ import annotations

import dataclasses
import hashlib
import html
import re
import threading
from base64 import b64encode
from collections.abc import Mapping

from longshore_runtime import logs
from longshore_runtime.runners.algorithm.outcome import TaskError
from longshore_runtime.runners.algorithm.s3.checksums import of_etag
from longshore_runtime.runners.algorithm.s3.client import S3, FileRange, Response, S3Error, foreign, retry
from longshore_runtime.runners.algorithm.s3.origin import names_request

_log = logs.get("task")

GONE = "NoSuchUpload"  # an S3Error's code: all parts have to be sent again
WRONG = "WrongPart"  # an S3Error's code, ours


class Object:
    """The object to be, and what the log calls it. halt: ends the requests."""

    def __init__(self, s3: S3, bucket: str, key: str, what: str, halt: threading.Event | None) -> None:
        self.bucket = bucket
        self.key = key
        self.what = what
        self.halt = halt
        self._s3 = s3

    def request(
        self,
        method: str,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | FileRange = b"",
        stop: threading.Event | None = None,
    ) -> Response:
        stop = stop or self.halt
        return self._s3.request(
            method, self.bucket, self.key, query=query, headers=headers, body=body, stop=stop
        )

    def put(
        self,
        md5: bytes,
        headers: Mapping[str, str],
        body: bytes | FileRange,
        query: Mapping[str, str] | None = None,
        *,
        send_md5: bool = True,
    ) -> tuple[str, bytes | None]:
        """Send these bytes once, as the object or as a part of it.

        Args:
            md5: of the bytes.
            headers: of the object.
            body: the bytes.
            query: names the part; None for the whole object.
            send_md5: send Content-MD5 so that S3 rejects other bytes.

        Returns:
            The ETag, and the MD5 that it is, None where it is none.

        Raises:
            S3Error: of code WRONG where S3 has stored other bytes.
        """
        if send_md5:
            headers = {**headers, "content-md5": b64encode(md5).decode()}
        response = self.request("PUT", query, headers, body)
        stored, etag = of_etag(response.headers), response.headers.get("etag", "")
        if stored not in (None, (md5, 0)):
            # Not every server lets a part that it has be sent again.
            raise S3Error("S3 stored other bytes than were sent.", code=WRONG, retryable=send_md5)
        if stored is None and query is None:
            self.confirm(response, len(body) if isinstance(body, bytes) else body.length)
        return etag, stored and stored[0]

    def confirm(self, response: Response, length: int) -> None:
        """Make sure that the object is there, where the answer's ETag does not prove that.

        Raises:
            S3Error: the object is not there, or has another length.
        """
        if names_request(response):
            return
        found = self.request("HEAD").headers
        same = found.get("etag") == response.headers.get("etag", found.get("etag"))
        if not same or found.get("content-length") != str(length):
            raise foreign(response.status, "no proof that the object is stored")

    def remove(self) -> None:
        """Delete the object, if possible: no wrong bytes shall stay under its key."""
        try:
            self.request("DELETE")
        except (S3Error, TaskError) as error:
            _log.error("%s: wrong bytes may remain at key %r: %s", self.what, self.key, error)

    def uploads(self, stop: threading.Event) -> list[str]:
        """The ids of the uploads to this key that are under way."""
        query = {"uploads": "", "prefix": self.key}
        try:
            answer = self._s3.request("GET", self.bucket, "", query=query, stop=stop)
        except S3Error as error:
            if error.code == GONE:  # some servers' way of saying that there are none
                return []
            raise
        if b"<ListMultipartUploadsResult" not in answer.body:
            raise foreign(answer.status, "no list of uploads")
        each = re.findall(rb"<Upload>.*?</Upload>", answer.body, re.DOTALL)
        return [element("UploadId", upload) for upload in each if element("Key", upload) == self.key]


def put(s3: S3, bucket: str, key: str, content: bytes, headers: Mapping[str, str], what: str) -> None:
    """Store a small object; returns when S3 has proved that it has it.

    Raises:
        S3Error: after several attempts. what: the beginning of the log's lines about each.
    """
    target = Object(s3, bucket, key, what, None)
    md5 = hashlib.md5(content, usedforsecurity=False).digest()
    retry(lambda: target.put(md5, headers, content), what)


def get(s3: S3, bucket: str, key: str, most: int, what: str, stop: threading.Event | None = None) -> Response:
    """Fetch an object into memory, checked by its ETag where that is an MD5.

    Args:
        most: how many bytes it may have.
        what: the beginning of the log's lines about each attempt.

    Raises:
        S3Error: after several attempts, or for a larger object.
    """

    def attempt() -> Response:
        content = bytearray()

        def sink(piece: memoryview) -> None:
            if len(content) + len(piece) > most:
                raise S3Error(f"The object has more than {most:,} bytes.", code="TooLarge")
            content.extend(piece)

        response = s3.request("GET", bucket, key, sink=sink, stop=stop)
        md5 = of_etag(response.headers)
        if md5 and not md5[1] and hashlib.md5(content, usedforsecurity=False).digest() != md5[0]:
            raise S3Error("What arrived does not have the object's checksum.", retryable=True)
        return dataclasses.replace(response, body=bytes(content))

    return retry(attempt, what, stop)


def element(name: str, xml: bytes) -> str:
    """The text of the first element of this name, "" where there is none."""
    found = re.search(rf"<{name}>([^<]*)</{name}>".encode(), xml)
    return html.unescape(found[1].decode("utf-8", "replace")) if found else ""
