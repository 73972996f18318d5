"""The S3 server that everything here is measured against."""

from __future__ import annotations

from pathlib import Path

from tests.support.s3 import S3Server


class LastingServer(S3Server):
    """The server of the tests, but it keeps what it knows of a file.

    The server of the tests looks at each file anew, whatever the request, and reads all of it for its ETag:
    a GiB for each part of an object of one GiB, minutes in all, which is nothing that S3 does. This one
    does so once. But a file that is put into the folder after the server has listed it is no object.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "--dir-cache-time", "24h", "--poll-interval", "0")

    def learn(self, bucket: str) -> None:
        """Let it look at all objects of a bucket."""
        client = self.client
        for key in self.keys(bucket):
            client.head_object(Bucket=bucket, Key=key)
