"""S3, as the algorithm runner speaks it: one signed request at a time, and when to repeat it.

botocore knows where a bucket is and which credentials are ours: it is asked for both, and here alone.
It does not carry the requests: a GET through it costs five times the processor time of one through
connection.py, and with thousands of small objects that is the time a task takes.
"""

from __future__ import annotations

import contextlib
import logging
import re
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import botocore.session
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    CredentialRetrievalError,
    HTTPClientError,
    MetadataRetrievalError,
    NoCredentialsError,
    ParamValidationError,
)
from botocore.httpsession import get_cert_path

from longshore_runtime import logs
from longshore_runtime.runners.algorithm.s3 import origin
from longshore_runtime.runners.algorithm.s3.connection import Broken, FileCut, FileRange, Pool, Response
from longshore_runtime.runners.algorithm.s3.failures import EXPIRED, S3Error, error_in, foreign, retry
from longshore_runtime.runners.algorithm.s3.signing import Keys, Scope, encode_path, encode_query, sign
from longshore_runtime.runners.algorithm.s3.sockets import Place

__all__ = ["S3", "FileRange", "Response", "S3Error", "foreign", "retry"]

_log = logs.get("task")
# Its DEBUG lines show tokens, and its INFO lines tell the same with every client.
logging.getLogger("botocore").setLevel(logging.WARNING)

_KNOWN_BUCKETS = 1000


@dataclass(frozen=True, slots=True)
class _Address:
    """Where a bucket is. path: what comes before a key, "/" or "/BUCKET/"."""

    place: Place
    host: str
    path: str
    scope: Scope


class S3:
    """A client for any number of threads. endpoint_url: None leaves it to boto3's own settings, and AWS."""

    def __init__(self, endpoint_url: str | None = None) -> None:
        self._endpoint_url = endpoint_url
        self._lock = threading.RLock()  # over the three below
        self._session = botocore.session.get_session()
        self._credentials: Credentials | None = None
        self._addresses: dict[str, _Address] = {}
        self._pool = Pool(self._trust)

    def request(
        self,
        method: str,
        bucket: str,
        key: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | FileRange = b"",
        sink: Callable[[memoryview], None] | None = None,
        stop: threading.Event | None = None,
    ) -> Response:
        """One attempt. Raises S3Error for every answer but S3's own 2xx, and where no whole answer came.

        bucket: a bucket's name or an access point's ARN. headers: by lower-case name. sink: takes a 2xx
        answer's body, piece by piece; what it raises ends the request and is passed on.
        stop: once set, the request ends within a second with TaskError(STOPPED).
        """
        try:
            path = encode_path(key)
        except UnicodeEncodeError:
            raise S3Error("The key is not valid Unicode.", code="InvalidKey") from None
        address = self._addresses.get(bucket) or self._find(bucket)

        def ask() -> Response:
            answer = self._ask(
                address, method, path, encode_query(query or {}), headers or {}, body, sink, stop
            )
            missing = origin.what_is_missing(method, bool(key), address.host, address.scope.service, answer)
            if missing is not None:
                raise foreign(answer.status, f"no {missing}")
            return answer

        try:
            return ask()
        except S3Error as error:
            if error.region is None or error.region == address.scope.region:
                raise
            address = self._find(bucket, error.region)
            return ask()

    def close(self) -> None:
        """Close the connections that are kept. The client may be used again."""
        self._pool.close()

    def _ask(
        self,
        address: _Address,
        method: str,
        path: str,
        query: str,
        headers: Mapping[str, str],
        body: bytes | FileRange,
        sink: Callable[[memoryview], None] | None,
        stop: threading.Event | None,
    ) -> Response:
        credentials = self._current_credentials()
        with _botocore_errors("The credentials for S3"):
            frozen = credentials.get_frozen_credentials()
        keys = Keys(frozen.access_key, frozen.secret_key, frozen.token)
        path = address.path + path
        now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        signed = sign(method, path, query, {"host": address.host, **headers}, keys, address.scope, now)
        # The bytes as they are stored. Not signed, because some proxies change this header.
        signed["accept-encoding"] = "identity"
        target = f"{path}?{query}" if query else path
        try:
            response = self._pool.exchange(address.place, method, target, signed, body, sink, stop)
        except Broken as broken:
            raise S3Error(str(broken), retryable=not broken.lasting) from broken
        except FileCut as cut:
            raise S3Error(f"A file could not be sent: {cut}.", code="FileCut") from cut
        # What takes S3 long may be answered with 200 before it is known how it ends.
        if 200 <= response.status < 300 and not (
            method in ("POST", "PUT") and b"<Error>" in response.body[:512]
        ):
            return response
        error = error_in(response)
        if error.code in EXPIRED:
            with self._lock:
                if self._credentials is credentials:  # not yet renewed by another thread
                    self._session, self._credentials = botocore.session.get_session(), None
        raise error

    def _current_credentials(self) -> Credentials:
        if (credentials := self._credentials) is not None:
            return credentials
        with self._lock, _botocore_errors("The credentials for S3"):
            self._credentials = self._credentials or self._session.get_credentials()
            if self._credentials is None:
                raise NoCredentialsError
            return self._credentials

    def _find(self, bucket: str, region: str | None = None) -> _Address:
        """Where botocore would send a request for this bucket: it makes one, which never leaves."""
        requests: list[AWSPreparedRequest] = []

        def intercept(request: AWSPreparedRequest, **_: object) -> AWSResponse:
            requests.append(request)
            return AWSResponse(request.url, 200, {}, _Nothing())

        # Directory buckets also take plain signatures, which saves a session of their own for each.
        config = Config(s3={"disable_s3_express_session_auth": True})
        with self._lock, _botocore_errors(f"Bucket {bucket!r}"):
            client = self._session.create_client(
                "s3", region_name=region, endpoint_url=self._endpoint_url, config=config
            )
            client.meta.events.register("before-send.s3", intercept)
            client.head_object(Bucket=bucket, Key="k")
            url = urlsplit(requests[0].url)
            signature = _text(requests[0].headers["Authorization"])
            scope = re.search(r"Credential=[^/]+/\d+/([^/]+)/([^/]+)/aws4_request", signature)
            if scope is None or not url.hostname:
                raise ValueError("botocore signs for this bucket in another way than AWS4-HMAC-SHA256")
            tls = url.scheme == "https"
            place = Place(tls, url.hostname, url.port or (443 if tls else 80))
            host = url.netloc.rpartition("@")[2]
            address = _Address(place, host, url.path.removesuffix("k"), Scope(scope[1], scope[2]))
            if len(self._addresses) >= _KNOWN_BUCKETS:
                self._addresses.clear()
            self._addresses[bucket] = address
        return address

    def _trust(self) -> ssl.SSLContext:
        bundle = self._session.get_config_variable("ca_bundle")
        try:
            context = ssl.create_default_context(cafile=bundle)
            if bundle is None:
                context.load_verify_locations(get_cert_path(True))  # for systems without certificates
        except OSError as error:
            _log.error("The certificates of AWS_CA_BUNDLE or ca_bundle cannot be read: %s", error)
            message = "The certificates to trust S3 by cannot be read."
            raise S3Error(message, code="InvalidConfiguration") from error
        return context


class _Nothing:
    """The body of an answer to a HEAD, as botocore reads it."""

    def stream(self) -> Iterator[bytes]:
        return iter(())


@contextlib.contextmanager
def _botocore_errors(what: str) -> Iterator[None]:
    """Turns what botocore raises into an S3Error; the details, which may name our settings, into the log."""
    try:
        yield
    except NoCredentialsError:
        raise S3Error("There are no credentials for S3.", code="NoCredentials") from None
    except ParamValidationError:
        message = f"{what} has no name that a bucket or an access point can have."
        raise S3Error(message, code="InvalidBucketName") from None
    except (
        ClientError,
        ConnectionError,
        CredentialRetrievalError,
        HTTPClientError,
        MetadataRetrievalError,
    ) as error:
        _log.warning("The credentials for S3 could not be obtained: %s", error)
        message = "The credentials for S3 could not be obtained."
        raise S3Error(message, code="NoCredentials", retryable=True) from error
    except (BotoCoreError, ValueError) as error:
        _log.error("%s cannot be used: %s", what, error)
        raise S3Error(
            f"{what} cannot be used ({type(error).__name__}).", code="InvalidConfiguration"
        ) from error


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
