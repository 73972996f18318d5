"""XML documents of requests and answers: their names, and S3's error for malformed ones."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree
from xml.parsers import expat

from longshore.emulator.faults import AwsError


def local_name(element: ElementTree.Element) -> str:
    """Return an element's name without its namespace."""
    return element.tag.rpartition("}")[2]


def malformed(what: str) -> AwsError:
    """Return S3's error for a document that is not what it takes."""
    return AwsError(
        "MalformedXML",
        f"The XML you provided was not well-formed or did not validate against our published schema: {what}",
    )


def check_well_formed(document: bytes) -> None:
    """Raise AwsError if a document is malformed, or has a DTD: its entities may grow without end."""

    def refuse_dtd(*_: Any) -> None:
        raise expat.ExpatError("a DTD is not allowed")

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse_dtd
    try:
        parser.Parse(document, True)
    except expat.ExpatError as error:
        raise malformed(str(error)) from None
