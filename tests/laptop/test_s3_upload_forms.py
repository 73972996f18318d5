"""Every form in which S3 takes a body: it is stored as it is, or refused with S3's error."""

from __future__ import annotations

import base64
import hashlib
import os
from pathlib import Path

import pytest
from awscrt import checksums as native

from tests.support import upload_forms
from tests.support.emulator import EmulatorProcess
from tests.support.server import PATIENCE
from tests.support.upload_forms import CHUNKED, FORMS, LENGTH, PLAIN, SIGNED, UNSIGNED, Answer, crc32, encode

BODIES = {"empty": b"", "small": b"hello\r\nworld\n", "large": os.urandom(700_001)}
SMALL = BODIES["small"]
TRAILER_FORMS = [form for form in FORMS if form.endswith("TRAILER")]


def encoded(digest: bytes) -> str:
    return base64.b64encode(digest).decode()


def xxhash(name: str, body: bytes) -> str:
    hasher = getattr(native.XXHash, f"new_{name}")()
    hasher.update(body)
    return encoded(hasher.finalize())


CHECKSUMS = {
    "crc32": crc32(SMALL),
    "crc32c": encoded(native.crc32c(SMALL).to_bytes(4, "big")),
    "crc64nvme": encoded(native.crc64nvme(SMALL).to_bytes(8, "big")),
    "sha1": encoded(hashlib.sha1(SMALL).digest()),
    "sha256": encoded(hashlib.sha256(SMALL).digest()),
    "sha512": encoded(hashlib.sha512(SMALL).digest()),
    "md5": encoded(hashlib.md5(SMALL).digest()),
    "xxhash64": xxhash("xxhash64", SMALL),
    "xxhash3": xxhash("xxhash3_64", SMALL),
    "xxhash128": xxhash("xxhash3_128", SMALL),
}
WRONG_SIZE = "AA=="
CHUNKS = b"d\r\n" + SMALL + b"\r\n"
TWO_CHECKSUMS = {"x-amz-checksum-crc32": crc32(SMALL), "x-amz-checksum-sha1": CHECKSUMS["sha1"]}
TWO_ALGORITHMS = {"x-amz-sdk-checksum-algorithm": "SHA1", "x-amz-checksum-crc32": crc32(SMALL)}


@pytest.fixture(scope="module")
def bucket(emulator: EmulatorProcess) -> str:
    emulator.client("s3").create_bucket(Bucket="upload-forms")
    return "upload-forms"


def put(
    emulator: EmulatorProcess, target: str, headers: dict[str, str], body: bytes, transfer: str = LENGTH
) -> Answer:
    sent = upload_forms.request(emulator.address, "PUT", target, headers, body, transfer)
    return upload_forms.send(emulator.address, sent)


@pytest.mark.parametrize("size", BODIES)
@pytest.mark.parametrize("transfer", [LENGTH, CHUNKED])
@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_decoded(
    emulator: EmulatorProcess, bucket: str, form: str, transfer: str, size: str
) -> None:
    headers, sent = encode(form, BODIES[size])
    answer = put(emulator, f"/{bucket}/key", headers, sent, transfer)
    assert (answer.status, answer.code) == (200, "")
    assert answer.headers["ETag"] == f'"{hashlib.md5(BODIES[size]).hexdigest()}"'
    got = emulator.client("s3").get_object(Bucket=bucket, Key="key", ChecksumMode="ENABLED")
    assert got["Body"].read() == BODIES[size]
    assert "ContentEncoding" not in got
    assert got.get("ChecksumCRC32") == (crc32(BODIES[size]) if form in TRAILER_FORMS else None)


@pytest.mark.parametrize("transfer", [LENGTH, CHUNKED])
@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_part_is_decoded(
    emulator: EmulatorProcess, bucket: str, form: str, transfer: str
) -> None:
    s3 = emulator.client("s3")
    upload = s3.create_multipart_upload(Bucket=bucket, Key="parts", ChecksumAlgorithm="CRC32")["UploadId"]
    headers, sent = encode(form, BODIES["large"])
    answer = put(emulator, f"/{bucket}/parts?partNumber=1&uploadId={upload}", headers, sent, transfer)
    assert (answer.status, answer.code) == (200, "")
    parts = {"Parts": [{"PartNumber": 1, "ETag": answer.headers["ETag"]}]}
    done = s3.complete_multipart_upload(Bucket=bucket, Key="parts", UploadId=upload, MultipartUpload=parts)
    assert emulator.get(bucket, "parts") == BODIES["large"]
    composite = encoded(native.crc32(base64.b64decode(crc32(BODIES["large"]))).to_bytes(4, "big"))
    assert (done["ChecksumCRC32"], done["ChecksumType"]) == (f"{composite}-1", "COMPOSITE")


@pytest.mark.parametrize("transfer", [LENGTH, CHUNKED])
@pytest.mark.parametrize("form", FORMS)
def test_a_cut_off_body_is_incomplete(
    emulator: EmulatorProcess, bucket: str, form: str, transfer: str
) -> None:
    headers, sent = encode(form, BODIES["large"])
    whole = upload_forms.request(emulator.address, "PUT", f"/{bucket}/cut", headers, sent, transfer)
    answer = upload_forms.send(emulator.address, whole[:-400_000], cut_off=True)
    assert (answer.status, answer.code) == (400, "IncompleteBody")
    assert "cut" not in emulator.keys(bucket)


MALFORMED = {
    "no chunks at all": (UNSIGNED, SMALL, "InvalidRequest"),
    "a size that is no number": (UNSIGNED, b"xyz\r\nhello\r\n0\r\n\r\n", "InvalidRequest"),
    "a negative size": (UNSIGNED, b"-5\r\nhello\r\n0\r\n\r\n", "InvalidRequest"),
    "an endless size": (UNSIGNED, b"f" * 40 + b"\r\nhello\r\n0\r\n\r\n", "InvalidRequest"),
    "an endless line": (UNSIGNED, b"5;" + b"x" * 10_000, "InvalidRequest"),
    "a chunk longer than its size": (UNSIGNED, b"5\r\nhello world\r\n0\r\n\r\n", "InvalidRequest"),
    "no signature": (SIGNED[0], b"5\r\nhello\r\n0\r\n\r\n", "InvalidRequest"),
    "no last chunk": (UNSIGNED, CHUNKS, "IncompleteBody"),
    "no trailer": (UNSIGNED, CHUNKS + b"0\r\n\r\n", "MalformedTrailerError"),
    "another trailer": (UNSIGNED, CHUNKS + b"0\r\nx-a:b\r\n\r\n", "MalformedTrailerError"),
    "a trailer that is no header": (UNSIGNED, CHUNKS + b"0\r\nx\r\n\r\n", "MalformedTrailerError"),
    "an endless trailer": (UNSIGNED, CHUNKS + b"0\r\n" + b"x" * 40_000, "MalformedTrailerError"),
}


@pytest.mark.parametrize("transfer", [LENGTH, CHUNKED])
@pytest.mark.parametrize("what", MALFORMED)
def test_a_malformed_body_is_refused(
    emulator: EmulatorProcess, bucket: str, what: str, transfer: str
) -> None:
    form, body, code = MALFORMED[what]
    headers, _ = encode(form, SMALL)
    answer = put(emulator, f"/{bucket}/malformed", headers, body, transfer)
    assert (answer.status, answer.code) == (400, code)
    assert "malformed" not in emulator.keys(bucket)


@pytest.mark.parametrize("coding", [b"xyz\r\nhello\r\n0\r\n\r\n", b"5\r\nhello world\r\n0\r\n\r\n"])
def test_malformed_chunks_of_the_transfer_are_refused(
    emulator: EmulatorProcess, bucket: str, coding: bytes
) -> None:
    headers = {"Transfer-Encoding": "chunked", LENGTH: "0"}
    sent = upload_forms.request(emulator.address, "PUT", f"/{bucket}/malformed", headers, coding)
    answer = upload_forms.send(emulator.address, sent)
    assert (answer.status, answer.code) == (400, "InvalidRequest")


@pytest.mark.parametrize("stated", ["12", "14", "0"])
def test_a_wrong_decoded_length_is_incomplete(emulator: EmulatorProcess, bucket: str, stated: str) -> None:
    headers, sent = encode(UNSIGNED, SMALL)
    answer = put(emulator, f"/{bucket}/key", headers | {"x-amz-decoded-content-length": stated}, sent)
    assert (answer.status, answer.code) == (400, "IncompleteBody")


REFUSED_HEADERS = {
    "two checksums": (TWO_CHECKSUMS, "InvalidRequest"),
    "no Base64": ({"x-amz-checksum-crc32": "?"}, "InvalidRequest"),
    "a checksum of another size": ({"x-amz-checksum-crc32": WRONG_SIZE}, "InvalidRequest"),
    "another algorithm": (TWO_ALGORITHMS, "InvalidRequest"),
    "an unknown algorithm": ({"x-amz-sdk-checksum-algorithm": "CRC7"}, "InvalidRequest"),
    "an announced checksum": ({"x-amz-sdk-checksum-algorithm": "CRC32"}, "InvalidRequest"),
    "a malformed Content-MD5": ({"Content-MD5": "AAAA"}, "InvalidDigest"),
    "a wrong Content-MD5": ({"Content-MD5": encoded(bytes(16))}, "BadDigest"),
    "a wrong SHA-256": ({"x-amz-content-sha256": "0" * 64}, "XAmzContentSHA256Mismatch"),
    "an unknown form": ({"x-amz-content-sha256": "STREAMING-SOMETHING"}, "InvalidArgument"),
    "a trailer without chunks": ({"x-amz-trailer": "x-amz-checksum-crc32"}, "MalformedTrailerError"),
}


@pytest.mark.parametrize("what", REFUSED_HEADERS)
def test_wrong_headers_of_a_body_are_refused(emulator: EmulatorProcess, bucket: str, what: str) -> None:
    headers, code = REFUSED_HEADERS[what]
    answer = put(emulator, f"/{bucket}/refused", headers, SMALL)
    assert (answer.status, answer.code) == (400, code)
    assert "refused" not in emulator.keys(bucket)


@pytest.mark.parametrize("stated", ["-3", "+3", "0_3", "3,3", "x", "9" * 5000])
def test_a_length_that_is_none_is_refused(emulator: EmulatorProcess, bucket: str, stated: str) -> None:
    sent = upload_forms.request(
        emulator.address, "PUT", f"/{bucket}/refused", {"Content-Length": stated}, b"abc"
    )
    assert upload_forms.send(emulator.address, sent).status == 400
    headers, sent = encode(UNSIGNED, SMALL)
    answer = put(emulator, f"/{bucket}/refused", headers | {"x-amz-decoded-content-length": stated}, sent)
    assert (answer.status, answer.code) == (400, "InvalidArgument")
    assert "refused" not in emulator.keys(bucket)


def test_a_length_is_needed_in_chunks(emulator: EmulatorProcess, bucket: str) -> None:
    headers, sent = encode(UNSIGNED, SMALL)
    del headers["x-amz-decoded-content-length"]
    answer = put(emulator, f"/{bucket}/key", headers, sent)
    assert (answer.status, answer.code) == (411, "MissingContentLength")


@pytest.mark.parametrize("algorithm", CHECKSUMS)
def test_every_checksum_is_verified(emulator: EmulatorProcess, bucket: str, algorithm: str) -> None:
    """In a header and in a trailer, and given back by HEAD."""
    right = CHECKSUMS[algorithm]
    wrong = encoded(bytes(len(base64.b64decode(right))))
    name = f"x-amz-checksum-{algorithm}"
    for value, expected in ((right, (200, "")), (wrong, (400, "BadDigest"))):
        in_header = put(emulator, f"/{bucket}/{algorithm}", {name: value}, SMALL)
        assert (in_header.status, in_header.code) == expected
        headers, _ = encode(UNSIGNED, SMALL)
        sent = CHUNKS + f"0\r\n{name}:{value}\r\n\r\n".encode()
        in_trailer = put(emulator, f"/{bucket}/{algorithm}", headers | {"x-amz-trailer": name}, sent)
        assert (in_trailer.status, in_trailer.code) == expected
        if value == right:
            assert in_header.headers[name] == in_trailer.headers[name] == right
    head = emulator.client("s3").head_object(Bucket=bucket, Key=algorithm, ChecksumMode="ENABLED")
    assert (head[f"Checksum{algorithm.upper()}"], head["ChecksumType"]) == (right, "FULL_OBJECT")


def test_documents_are_verified_too(emulator: EmulatorProcess, bucket: str) -> None:
    """The bodies of requests other than uploads."""
    sent = upload_forms.request(
        emulator.address, "PUT", f"/{bucket}?versioning", {"Content-MD5": encoded(bytes(16))}, b"<x/>"
    )
    assert upload_forms.send(emulator.address, sent).code == "BadDigest"


def test_a_connection_serves_after_a_refused_body(emulator: EmulatorProcess, bucket: str) -> None:
    headers, sent = encode(UNSIGNED, SMALL, checksum=crc32(b"other"))
    refused = upload_forms.request(emulator.address, "PUT", f"/{bucket}/key", headers, sent, CHUNKED)
    headers, sent = encode(UNSIGNED, SMALL)
    accepted = upload_forms.request(emulator.address, "PUT", f"/{bucket}/key", headers, sent, CHUNKED)
    with upload_forms.connect(emulator.address) as connection:
        connection.sendall(refused)
        assert upload_forms.read(connection).code == "BadDigest"
        connection.sendall(accepted)
        assert upload_forms.read(connection).status == 200


def test_a_large_body_is_never_in_memory(emulator: EmulatorProcess, bucket: str) -> None:
    """The peak of the emulator's memory, while a form of each kind passes."""
    emulator.client("s3").put_object(Bucket=bucket, Key="warm", Body=BODIES["large"])
    body = bytes(64 * 2**20)

    def peak() -> int:
        status = Path(f"/proc/{emulator.process.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024

    Path(f"/proc/{emulator.process.pid}/clear_refs").write_text("5")  # the peak begins anew
    before = peak()
    for form, transfer in ((PLAIN, LENGTH), (UNSIGNED, CHUNKED)):
        headers, sent = encode(form, body)
        assert put(emulator, f"/{bucket}/large", headers, sent, transfer).status == 200
    source = {"Bucket": bucket, "Key": "large"}
    emulator.client("s3").copy_object(
        Bucket=bucket, Key="copy", CopySource=source, ChecksumAlgorithm="SHA256"
    )
    assert peak() - before < len(body) / 2


def test_sigterm_ends_an_emulator_with_hung_uploads(tmp_path: Path) -> None:
    emulator = EmulatorProcess(tmp_path)
    emulator.client("s3").create_bucket(Bucket="hung")
    connections = []
    for sent in upload_forms.unfinished(emulator.address, "/hung/key", BODIES["large"]):
        connections.append(upload_forms.connect(emulator.address))
        connections[-1].sendall(sent)
    emulator.process.terminate()
    assert emulator.process.wait(PATIENCE) == 0
    for connection in connections:
        connection.close()
