"""XML documents of S3's requests, checked against botocore's model: moto fails without a required element."""

from __future__ import annotations

import re
from contextlib import ExitStack
from functools import cache
from typing import Any
from xml.etree import ElementTree

from longshore.aws import ListShape, Shape, StructureShape, service_model
from longshore.emulator.books.patching import put
from longshore.emulator.books.s3_requests import S3Request
from longshore.emulator.books.xml_documents import local_name, malformed
from longshore.emulator.faults import AwsError

_INTEGER = re.compile(r"\s*-?[0-9]{1,18}\s*")
_PATHS = {"/{Bucket}": False, "/{Bucket}/{Key+}": True}
_LOG_DELIVERY = "log-delivery-write"  # a canned ACL of buckets that the model lacks


def check_document(request: S3Request, document: bytes) -> None:
    """Raise AwsError if a document lacks what S3 requires.

    Args:
        request: What is asked. If it is for no subresource with a document, nothing is checked.
        document: The body, without a DTD.
    """
    for name in request.query:
        found = _documents().get((request.method, bool(request.key), name))
        if found is not None:
            break
    else:
        return
    shape, is_required = found
    if not document.strip():
        if is_required:
            raise AwsError("MissingRequestBodyError", "Request Body is empty")
        return
    try:
        root = ElementTree.fromstring(document)
    except ElementTree.ParseError as error:
        raise malformed(f"{error}.") from None
    wanted = str(shape.serialization.get("name", shape.name))
    if local_name(root) != wanted:
        raise malformed(f"the document is {local_name(root)[:100]!r}, not {wanted}.")
    _check(root, shape)


def check_canned_acl(acl: str | None) -> None:
    """Raise AwsError if there is no canned ACL of this name; None passes."""
    if acl is None:  # as in nearly all requests: the model takes long to load
        return
    shape: Any = service_model("s3").shape_for("ObjectCannedACL")
    if acl not in (*shape.enum, _LOG_DELIVERY):
        raise AwsError("InvalidArgument", f"There is no canned ACL {acl[:100]!r}.")


def read_empty_tags(undo: ExitStack) -> None:
    """Until it is undone sets without tags, and tags without a value, are read; moto fails or drops them."""
    from moto.s3.responses import S3Response

    of_object, of_bucket = S3Response._tagging_from_xml, S3Response._bucket_tagging_from_body

    def tagging_from_xml(response: Any) -> dict[str, str]:
        tags = ElementTree.fromstring(response.body).iter()
        return of_object(response) if any(local_name(each) == "Tag" for each in tags) else {}

    def bucket_tagging_from_body(response: Any) -> dict[str, str]:
        return {key: value or "" for key, value in of_bucket(response).items()}

    put(undo, S3Response, "_tagging_from_xml", tagging_from_xml)
    put(undo, S3Response, "_bucket_tagging_from_body", bucket_tagging_from_body)


@cache
def _documents() -> dict[tuple[str, bool, str], tuple[StructureShape, bool]]:
    """Return the documents' shapes, and whether they are required.

    The keys are the method, whether the request has a key, and the subresource.
    """
    found = {}
    model = service_model("s3")
    for operation in map(model.operation_model, model.operation_names):
        path, _, query = operation.http["requestUri"].partition("?")
        given = operation.input_shape
        if given is None or operation.deprecated or not query or path not in _PATHS:
            continue
        payload = given.serialization.get("payload")
        shape = given.members[payload] if payload else given
        if isinstance(shape, StructureShape) and (payload or "name" in shape.serialization):
            key = (operation.http["method"], _PATHS[path], query.partition("&")[0])
            found[key] = (shape, not payload or payload in given.required_members)
    return found


def _check(element: ElementTree.Element, shape: Shape) -> None:
    if isinstance(shape, StructureShape):
        for name, member in shape.members.items():
            if member.serialization.keys() & {"location", "xmlAttribute"}:
                continue
            tag, of_children = _element(name, member)
            children = [child for child in element if local_name(child) == tag]
            if not children and name in shape.required_members:
                raise malformed(f"{local_name(element)} has no {tag}.")
            for child in children:
                _check(child, of_children)
    elif isinstance(shape, ListShape):
        for child in element:
            _check(child, shape.member)
    elif shape.type_name in ("integer", "long") and not _INTEGER.fullmatch(element.text or ""):
        raise malformed(f"{local_name(element)} is no integer.")


def _element(name: str, shape: Shape) -> tuple[str, Shape]:
    """Return the name and the shape of a structure's elements for a member."""
    tag = str(shape.serialization.get("name", name))
    if isinstance(shape, ListShape) and shape.serialization.get("flattened"):
        return str(shape.member.serialization.get("name", tag)), shape.member
    return tag, shape
