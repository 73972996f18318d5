"""TLS and proxies between the S3 client and a server."""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from longshore_runtime.runners.algorithm.s3.client import S3, Response, S3Error
from tests.support.scripted import Scripted, answer


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    for name in ("http_proxy", "https_proxy", "no_proxy", "AWS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def get(s3: S3) -> Response:
    return s3.request("GET", "bucket", "key")


def test_requests_go_to_the_proxy_that_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    with Scripted(lambda asked: answer(200, b"by proxy", ETag="any")) as proxy:
        monkeypatch.setenv("http_proxy", f"http://user:p%40ss@127.0.0.1:{proxy.port}")
        assert get(S3("http://s3.example.org")).body == b"by proxy"
        assert proxy.asked[0].target == "http://s3.example.org/bucket/key"
        assert proxy.asked[0].headers["host"] == "s3.example.org"
        assert proxy.asked[0].headers["proxy-authorization"] == "Basic dXNlcjpwQHNz"


def test_a_host_that_no_proxy_names_is_spoken_to_directly(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        Scripted(lambda asked: answer(200, b"direct", ETag="any")) as server,
        Scripted(lambda asked: None) as proxy,
    ):
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        assert get(S3(server.url)).body == b"direct"
        assert proxy.asked == []


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that only trusts itself, with its key in one file."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
    address = x509.IPAddress(ipaddress.IPv4Address("127.0.0.1"))
    builder = builder.add_extension(x509.SubjectAlternativeName([address]), critical=False)
    pem, formats = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    secret = key.private_bytes(pem, formats, serialization.NoEncryption())
    path.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(pem) + secret)
    return path


@pytest.fixture
def server(certificate: Path) -> Iterator[Scripted]:
    """Speaks TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with Scripted(lambda asked: answer(200, b"x" * 1_000_000, ETag="any"), tls=context) as server:
        yield server


def test_a_server_whose_certificate_the_bundle_has_is_trusted(
    server: Scripted, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate))
    s3 = S3(server.url)
    assert len(get(s3).body) == len(get(s3).body) == 1_000_000
    assert [asked.connection for asked in server.asked] == [1, 1]


def test_a_server_whose_certificate_nobody_knows_is_not_trusted(server: Scripted) -> None:
    with pytest.raises(S3Error, match="certificate is not trusted") as raised:
        get(S3(server.url))
    assert not raised.value.retryable and server.asked == []


def test_a_server_whose_certificate_is_for_another_host_is_not_trusted(
    server: Scripted, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate))
    with pytest.raises(S3Error, match="certificate is not trusted"):
        get(S3(server.url.replace("127.0.0.1", "localhost")))


def test_a_bundle_that_is_not_there_is_an_error_of_the_settings(
    server: Scripted, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "missing.pem"))
    with pytest.raises(S3Error, match="certificates") as raised:
        get(S3(server.url))
    assert raised.value.code == "InvalidConfiguration" and not raised.value.retryable


class Tunnel:
    """A proxy for one connection: heads has what it was asked; it says `status` to that."""

    def __init__(self, status: str) -> None:
        self.heads: list[str] = []
        self._status = status
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        with self._listener, self._listener.accept()[0] as client:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += client.recv(1)
            self.heads.append(head.decode())
            host, _, port = head.split()[1].decode().partition(":")
            client.sendall(f"HTTP/1.1 {self._status}\r\n\r\n".encode())
            if self._status.startswith("200"):
                with socket.create_connection((host, int(port))) as server:
                    back = threading.Thread(target=self._pump, args=(server, client))
                    back.start()
                    self._pump(client, server)
                    back.join()

    @staticmethod
    def _pump(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    def join(self) -> None:
        self._thread.join()


def test_tls_goes_through_a_tunnel_that_the_proxy_makes(
    server: Scripted, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = Tunnel("200 Connection established")
    monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate))
    monkeypatch.setenv("https_proxy", proxy.url.replace("//", "//user:pass@"))
    s3 = S3(server.url)
    assert len(get(s3).body) == len(get(s3).body) == 1_000_000
    s3.close()
    proxy.join()
    (head,) = proxy.heads
    assert head.startswith(f"CONNECT 127.0.0.1:{server.port} HTTP/1.1\r\n")
    assert "proxy-authorization: Basic dXNlcjpwYXNz\r\n" in head
    assert "proxy-authorization" not in server.asked[0].headers
    assert server.asked[0].target == "/bucket/key"


def test_a_proxy_that_makes_no_tunnel_is_told_of(server: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = Tunnel("407 Proxy Authentication Required")
    monkeypatch.setenv("https_proxy", proxy.url)
    with pytest.raises(S3Error, match="the proxy answered 407"):
        get(S3(server.url))
    proxy.join()


def test_a_proxy_of_another_kind_is_refused(server: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "socks5://127.0.0.1:1")
    with pytest.raises(S3Error, match="http://host:port") as raised:
        get(S3(server.url))
    assert not raised.value.retryable
