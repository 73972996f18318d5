"""What is moved: sets of objects of one size, and a transfer of one of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SOURCE, TARGET = "source", "target"  # the buckets
VERBS = ("fetch", "store")


@dataclass(frozen=True)
class Job:
    """A transfer between keys prefix + name and the files of these names in a folder, which exists.

    verb: "fetch" from S3 or "store" there. prefix: ends with a slash.
    """

    verb: str
    bucket: str
    prefix: str
    folder: Path
    count: int

    @property
    def names(self) -> list[str]:
        return [name_of(number) for number in range(self.count)]

    def arguments(self) -> list[str]:
        """For a command line, which `of` reads again."""
        return [self.verb, self.bucket, self.prefix, str(self.folder), str(self.count)]

    @classmethod
    def of(cls, arguments: Sequence[str]) -> Job:
        verb, bucket, prefix, folder, count = arguments
        return cls(verb, bucket, prefix, Path(folder), int(count))


@dataclass(frozen=True)
class Objects:
    """So many objects of so many bytes each, below prefix name + "/" in the bucket SOURCE."""

    name: str
    count: int
    size: int

    @property
    def megabytes(self) -> float:
        return self.count * self.size / 1e6

    @property
    def words(self) -> str:
        """For a reader: "1 GiB object" or "2,000 objects of 50 KB"."""
        if self.count > 1:
            return f"{self.count:,} objects of {self.size / 1000:.0f} KB"
        mib = self.size // 2**20
        return f"an object of {mib // 1024} GiB" if mib % 1024 == 0 else f"an object of {mib} MiB"

    def fetched(self, folder: Path) -> Job:
        return Job("fetch", SOURCE, f"{self.name}/", folder, self.count)

    def stored(self, folder: Path, bucket: str, prefix: str = "") -> Job:
        return Job("store", bucket, f"{prefix}{self.name}/", folder, self.count)


TINY = Objects("tiny", 1, 1)  # what moves before anything is measured


def name_of(number: int) -> str:
    return f"{number:05}"
