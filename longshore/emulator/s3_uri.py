"""s3://bucket/key, taken apart and put together."""

from __future__ import annotations

from typing import NamedTuple

from longshore.emulator.faults import AwsError


class S3Uri(NamedTuple):
    """A bucket and a key or prefix, which may be empty."""

    bucket: str
    key: str

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"

    def below(self, name: str) -> S3Uri:
        """What is called so under this prefix."""
        prefix = self.key if not self.key or self.key.endswith("/") else f"{self.key}/"
        return S3Uri(self.bucket, prefix + name)


def parse_s3_uri(text: str) -> S3Uri:
    """AwsError where it is none. SageMaker takes the https form of S3's own hosts as well; we do not."""
    scheme, separator, rest = text.partition("://")
    bucket, _, key = rest.partition("/")
    if scheme != "s3" or not separator or not bucket:
        raise AwsError("ValidationException", f"{text!r} is no S3 URI: it must look like s3://bucket/key.")
    return S3Uri(bucket, key)
