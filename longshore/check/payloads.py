"""Request bodies: one that the model answers, found or guessed, and malformed ones."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

CSV = "text/csv"
JSON = "application/json"

_TYPES = {
    ".csv": CSV,
    ".json": JSON,
    ".jsonl": "application/jsonlines",
    ".npy": "application/x-npy",
    ".parquet": "application/x-parquet",
    ".txt": "text/plain",
    ".libsvm": "text/x-libsvm",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".wav": "audio/wav",
}


@dataclass(frozen=True)
class Payload:
    """A body and its type.

    Attributes:
        origin: Where it comes from, for the report.
        guessed: Whether nobody said that it is valid.
    """

    body: bytes
    content_type: str
    origin: str
    guessed: bool = False


def content_type_of(file: Path) -> str:
    """Return the media type for a file's name; application/octet-stream if it is unknown."""
    return _TYPES.get(file.suffix.lower(), "application/octet-stream")


def of_project(project: Path) -> list[Payload]:
    """Return a project's local_test/payload.* files, CSV first."""
    files = sorted((project / "local_test").glob("payload.*"), key=lambda file: (file.suffix != ".csv", file))
    return [
        Payload(file.read_bytes(), content_type_of(file), f"local_test/{file.name}")
        for file in files
        if file.is_file()
    ]


def guesses() -> list[Payload]:
    """Return bodies that many models take: 1 to 30 numbers as CSV, and common forms of JSON."""
    found = []
    for count in (4, 1, 2, 3, 5, 8, 10, 13, 30):
        row = [round(1 + n / 10, 1) for n in range(count)]
        texts = [
            (CSV, ",".join(map(str, row)) + "\n"),
            (JSON, json.dumps({"instances": [row]})),
            (JSON, json.dumps([row])),
        ]
        found += [Payload(text.encode(), kind, "a guess", guessed=True) for kind, text in texts]
    found += [
        Payload(json.dumps(value).encode(), JSON, "a guess", guessed=True)
        for value in ({"inputs": "Hello"}, {"text": "Hello"}, {})
    ]
    return found


# Malformed bodies by media type. None holds HTML: a server may quote them in its error.
MALFORMED: dict[str, tuple[tuple[str, bytes], ...]] = {
    CSV: (
        ("text where numbers belong", b"not,a,number,at-all\n"),
        ("rows of unequal length", b"1,2,3\n1\n1,2,3,4,5\n"),
        ("no UTF-8", b"\xff\xfe,\x80\x81\n"),
        ("a quote that is never closed", b'1,"2,3\n4,5\n'),
        ("NUL characters", b"1,\x00\x00,3\n"),
        ("line ends alone", b"\n\n\n"),
        ("an empty field in each place", b",,,\n"),
    ),
    JSON: (
        ("cut off", b'{"instances": [[1, 2'),
        ("no JSON at all", b"this is no JSON"),
        ("no UTF-8", b'{"instances": "\xff\xfe"}'),
        ("null", b"null"),
        ("a bare number", b"42"),
        ("a text where rows belong", b'{"instances": "rows"}'),
        ("nested 100,000 deep", b"[" * 100_000),
        ("NaN", b"[[NaN, Infinity]]"),
        ("a number of 5,000 digits", b"[[" + b"9" * 5000 + b"]]"),
    ),
    "application/octet-stream": (("random bytes", bytes(range(256)) * 4),),
    "application/x-npy": (
        ("no NPY at all", b"1,2,3\n"),
        ("a head that is cut off", b"\x93NUMPY\x01\x00v\x00{'descr': '<f8'"),
    ),
    "application/x-parquet": (("no Parquet at all", b"PAR1 and nothing more"),),
    "application/jsonlines": (("a line that is no JSON", b'{"a": 1}\n{"a":\n'),),
    "application/x-recordio-protobuf": (("no record", b"\x0a\x23\xd7\xce\xff\xff\xff\x7f"),),
    "multipart/form-data; boundary=x": (
        ("a part that never ends", b"--x\r\nContent-Disposition: form-data\r\n"),
    ),
}
