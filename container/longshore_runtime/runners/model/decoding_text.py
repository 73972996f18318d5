"""The text of a request's body: its charset, and errors that name the place of a fault."""

from __future__ import annotations

from collections.abc import Mapping
from encodings import normalize_encoding
from encodings.aliases import aliases

from longshore_runtime.errors import RequestError

_BOM = b"\xef\xbb\xbf"
_UTF_8 = ("utf-8", "utf8", "us-ascii", "ascii", "utf-8-sig")
# The charsets Python has other names for: the world's, without its own curiosities (punycode takes
# quadratic time). Only names in this table are looked up, since Python remembers each it is asked for.
_CHARSETS = frozenset(aliases.values()) - {
    "base64_codec", "bz2_codec", "hex_codec", "mbcs", "quopri_codec", "rot_13", "uu_codec", "zlib_codec",
}  # fmt: skip


def unreadable(what: str, why: str) -> RequestError:
    """Return the 400 for a body that cannot be read."""
    return RequestError(400, f"The {what} body cannot be read: {why[:300].rstrip('.')}.")


def utf_8(body: bytes, params: Mapping[str, str], what: str) -> bytes:
    """Return the body in UTF-8, without a byte order mark; a body declared as UTF-8 is not checked here."""
    charset = params.get("charset", "utf-8").lower()
    if charset not in _UTF_8:
        name = normalize_encoding(charset)
        name = aliases.get(name, name)
        if name not in _CHARSETS:
            raise RequestError(415, f"The charset {charset[:100]!r} is not known. Send utf-8.")
        try:
            body = body.decode(name).encode()
        except UnicodeDecodeError as error:
            raise unreadable(what, f"the byte at offset {error.start} is not valid {charset}") from None
        except UnicodeEncodeError:  # half a surrogate pair, which UTF-7 lets through
            raise unreadable(what, f"it is not valid {charset}") from None
    return body.removeprefix(_BOM)


def not_utf_8(error: UnicodeDecodeError, what: str, first_line: int = 1) -> RequestError:
    """Return the 400 for text that is not UTF-8, with its line and byte."""
    line = first_line + error.object.count(b"\n", 0, error.start)
    byte = error.start - error.object.rfind(b"\n", 0, error.start)
    return unreadable(what, f"line {line}, byte {byte}: this is not valid UTF-8")
