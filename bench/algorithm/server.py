"""The S3 server that everything here is measured against."""

from __future__ import annotations

import subprocess
from typing import Self

from bench.algorithm.contestants import program
from tests.support.s3 import S3Server
from tests.support.server import wait_until


class LastingServer(S3Server):
    """The server of the tests, but it keeps what it knows of a file.

    The server of the tests looks at each file anew, whatever the request, and reads all of it for its ETag:
    a GiB for each part of an object of one GiB, minutes in all, which is nothing that S3 does. This one
    does so once. But a file that is put into the folder after the server has listed it is no object.
    """

    def __enter__(self) -> Self:
        command = [program("rclone"), "serve", "s3", str(self.folder), "--config", "/dev/null"]
        command += ["--addr", f"127.0.0.1:{self._port}", "--auth-key", f"{self.access_key},{self.secret_key}"]
        command += ["--vfs-cache-mode", "off", "--dir-cache-time", "24h", "--poll-interval", "0"]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            wait_until(self._answers, "rclone serve s3")
        except BaseException:
            self.__exit__()
            raise
        return self

    def learn(self, bucket: str) -> None:
        """Let it look at all objects of a bucket."""
        client = self.client
        for key in self.keys(bucket):
            client.head_object(Bucket=bucket, Key=key)
