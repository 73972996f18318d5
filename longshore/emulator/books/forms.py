"""S3's uploads by an HTML form (POST, multipart/form-data): the file's bytes go past moto."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from longshore.emulator.books.objects import Incoming
from longshore.emulator.books.s3_requests import S3Request
from longshore.emulator.faults import AwsError

_KIND = "multipart/form-data"
_MOST_FORM_BYTES = 16 << 20  # of all fields but the file
_FILE = "file"


def is_upload(request: S3Request, environ: Mapping[str, Any]) -> bool:
    """Return whether a request is an upload by a form."""
    return (
        request.method == "POST"
        and not request.key
        and "delete" not in request.query
        and environ.get("CONTENT_TYPE", "").startswith(_KIND)
    )


def receive(environ: dict[str, Any], folder: Path) -> tuple[dict[str, Any], Incoming]:
    """Write a form's file into a folder.

    Returns:
        The request with an empty file in its form, and the file. `${filename}` in the key is the file's name.

    Raises:
        AwsError: if the form is malformed, or lacks a key or a file.
    """
    path: list[Path] = []

    def new_file(*_: Any, **__: Any) -> IO[bytes]:
        with tempfile.NamedTemporaryFile(dir=folder, delete=False) as file:
            path.append(Path(file.name))
        return path[-1].open("w+b")

    try:
        return _receive(environ, new_file, path)
    except BaseException:
        for one in path:
            one.unlink(missing_ok=True)
        raise


def _receive(environ: dict[str, Any], new_file: Any, path: list[Path]) -> tuple[dict[str, Any], Incoming]:
    from werkzeug.datastructures import FileStorage, MultiDict
    from werkzeug.exceptions import HTTPException
    from werkzeug.formparser import FormDataParser
    from werkzeug.http import parse_options_header
    from werkzeug.test import encode_multipart

    kind, options = parse_options_header(environ["CONTENT_TYPE"])
    parser = FormDataParser(new_file, max_form_memory_size=_MOST_FORM_BYTES, silent=False)
    try:
        _, fields, files = parser.parse(environ["wsgi.input"], kind, None, options)
    except (ValueError, HTTPException) as error:
        raise AwsError(
            "MalformedPOSTRequest",
            f"The body of your POST request is not well-formed multipart/form-data: {error}.",
        ) from None
    for file in files.values():
        file.close()
    if "key" not in fields:
        raise AwsError(
            "InvalidArgument",
            "Bucket POST must contain a field named 'key'. If it is specified, please check the order of the "
            "fields.",
        )
    values: MultiDict[str, Any] = MultiDict(fields.items(multi=True))
    if _FILE in files and len(path) == 1:
        values[_FILE] = FileStorage(io.BytesIO(), files[_FILE].filename, _FILE, files[_FILE].content_type)
    elif _FILE in fields and not path:  # a file without a name is a field
        with new_file() as file:
            file.write(fields[_FILE].encode())
        values[_FILE] = ""
    else:
        raise AwsError("InvalidArgument", "POST requires exactly one file upload per request.")
    boundary, body = encode_multipart(values)
    asked = environ | {
        "wsgi.input": io.BytesIO(body),
        "wsgi.input_terminated": False,
        "CONTENT_LENGTH": str(len(body)),
        "CONTENT_TYPE": f'{_KIND}; boundary="{boundary}"',
    }
    return asked, Incoming(path[0])
