"""An upload in parts, at S3: begun, completed, or aborted so that nothing remains of it.

S3 keeps the parts of what is neither completed nor aborted, unseen, and asks money for them. So whatever
is in doubt here ends with the uploads to our key being aborted and the file being sent again.
"""

from __future__ import annotations

import contextlib
import hashlib
import html
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from longshore_runtime import logs
from longshore_runtime.runners.algorithm.outcome import TaskError
from longshore_runtime.runners.algorithm.s3.checksums import of_etag
from longshore_runtime.runners.algorithm.s3.client import S3Error, retry
from longshore_runtime.runners.algorithm.s3.object import GONE, Object, element

_log = logs.get("task")

_INVALID = "InvalidPart"  # what S3 has of a part is not what it should be: all are sent again
_ABORT_S = 10.0  # at most: the server may be about to end


@dataclass(frozen=True, slots=True)
class Part:
    """What S3 has of a part: its bytes' MD5, and the ETag it gave."""

    md5: bytes
    etag: str


class Multipart:
    """A context manager: begins; whatever has not been completed at the end is aborted."""

    def __init__(self, target: Object, headers: Mapping[str, str]) -> None:
        """headers: of the object."""
        self._target = target
        self._headers = headers
        self._id: str | None = None
        self._may_be_others = False
        self.etags_tell = True  # whether a part's ETag is its MD5, as far as is known

    def __enter__(self) -> Multipart:
        try:
            self._id = retry(self._begin, f"{self._target.what}: to begin", self._target.halt)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._id is not None:
            self._abort(self._id)
        if self._may_be_others:
            self._abort_others()

    def query(self, number: int) -> dict[str, str]:
        """With which a part is put; number: from 1."""
        return {"partNumber": str(number), "uploadId": self._id or ""}

    def complete(self, parts: Sequence[Part], length: int) -> None:
        """Make the object of these parts, so many bytes in all.

        Raises S3Error, of code GONE where it is not certainly there.
        """
        listed = "".join(
            f"<Part><PartNumber>{number}</PartNumber><ETag>{html.escape(part.etag)}</ETag></Part>"
            for number, part in enumerate(parts, 1)
        )
        space = "http://s3.amazonaws.com/doc/2006-03-01/"
        body = f'<CompleteMultipartUpload xmlns="{space}">{listed}</CompleteMultipartUpload>'.encode()
        query, headers = {"uploadId": self._id or ""}, {"content-type": "application/xml"}
        md5 = hashlib.md5(b"".join(part.md5 for part in parts), usedforsecurity=False).digest()

        def attempt() -> bool:
            response = self._target.request("POST", query, headers, body)
            if not (etag := element("ETag", response.body)):
                raise S3Error("S3 did not say that the upload is complete.", retryable=True)
            stored = of_etag({**response.headers, "etag": etag})
            if stored is None or not stored[1]:
                self._target.confirm(response, length)
                return True
            return stored == (md5, len(parts))

        try:
            complete = retry(attempt, f"{self._target.what}: to complete it", self._target.halt)
        except S3Error as error:
            # The answer, too, where the upload was completed before but the answer to that was lost.
            if error.code not in (GONE, _INVALID):
                raise
            complete = False
        if not complete and not self._is_there(md5, len(parts)):
            self._may_be_others = True
            raise S3Error("S3 did not complete the upload.", code=GONE)
        self._id = None

    def lost(self) -> None:
        """S3 does not know of it, so perhaps it knows of another one that we began."""
        self._may_be_others = True

    def _begin(self) -> str:
        try:
            response = self._target.request("POST", {"uploads": ""}, self._headers)
        except S3Error as error:
            self._may_be_others |= not 400 <= error.status < 500
            raise
        except TaskError:
            self._may_be_others = True
            raise
        if upload := element("UploadId", response.body):
            self.etags_tell = not response.headers.get("x-amz-server-side-encryption", "").startswith(
                "aws:kms"
            )
            return upload
        self._may_be_others = True
        raise S3Error("S3 began an upload without naming it.", retryable=True)

    def _is_there(self, md5: bytes, parts: int) -> bool:
        """Whether the object is certainly what was sent. False where S3 does not tell that by its ETag."""
        try:
            what = f"{self._target.what}: to look whether it is complete"
            response = retry(lambda: self._target.request("HEAD"), what, self._target.halt)
        except S3Error:
            return False
        return of_etag(response.headers) == (md5, parts)

    def _abort(self, upload: str) -> None:
        def attempt() -> None:
            try:
                self._target.request("DELETE", {"uploadId": upload}, stop=time_is_up)
            except S3Error as error:
                if error.code != GONE:
                    raise

        with self._cleaning() as time_is_up:
            retry(attempt, f"{self._target.what}: to abort its upload", time_is_up)

    def _abort_others(self) -> None:
        """Abort all uploads to our key: where an answer was lost, one of them may be ours.

        Should another machine be at the same task, it will have to send its file again.
        """
        with self._cleaning() as time_is_up:
            what = f"{self._target.what}: to look for uploads that remain"
            for upload in retry(lambda: self._target.uploads(time_is_up), what, time_is_up):
                self._abort(upload)

    @contextlib.contextmanager
    def _cleaning(self) -> Iterator[threading.Event]:
        """It has a time of its own, whatever else was stopped; that it failed is for the log."""
        time_is_up = threading.Event()
        timer = threading.Timer(_ABORT_S, time_is_up.set)
        timer.start()
        try:
            yield time_is_up
        except (S3Error, TaskError) as error:
            _log.error(
                "%s: parts of an upload may remain at key %r of bucket %r: %s",
                self._target.what,
                self._target.key,
                self._target.bucket,
                "there was no time left" if time_is_up.is_set() else error,
            )
        finally:
            timer.cancel()
