"""Our signatures against those that botocore makes of the same requests."""

from __future__ import annotations

from urllib.parse import quote

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.utils import percent_encode
from hypothesis import given, settings
from hypothesis import strategies as st

from longshore_runtime.runners.algorithm.s3.signing import Keys, Scope, encode_path, encode_query, sign

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)  # no lone surrogates
VALUE = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30)  # two spaces, for example
HEADER = st.from_regex(r"x-amz-meta-[a-z0-9-]{1,10}", fullmatch=True) | st.sampled_from(
    ["range", "if-match", "content-md5", "content-type", "content-length", "x-amz-checksum-mode"]
)


def authorization_by_botocore(
    method: str, url: str, query: dict[str, str], headers: dict[str, str], keys: Keys, scope: Scope
) -> tuple[str, str]:
    """The Authorization header, and the time it is of."""
    request = AWSRequest(method, url, headers=headers, params=query)
    request.context["client_config"] = Config(s3={"payload_signing_enabled": False})
    credentials = Credentials(keys.access, keys.secret, keys.token)
    S3SigV4Auth(credentials, scope.service, scope.region).add_auth(request)
    return request.headers["Authorization"], request.headers["X-Amz-Date"]


@settings(max_examples=100)
@given(
    method=st.sampled_from(["GET", "PUT", "POST", "HEAD", "DELETE"]),
    key=TEXT | st.sampled_from(["a/../b", "//a//", "./a", "a b+c", "ü~*'()!", "%41", "a?b#c&d=e"]),
    query=st.dictionaries(TEXT.filter(bool), TEXT, max_size=4),
    headers=st.dictionaries(HEADER, VALUE, max_size=4),
    token=st.none() | st.from_regex(r"[A-Za-z0-9/+=]{1,60}", fullmatch=True),
    scope=st.builds(
        Scope, st.sampled_from(["us-east-1", "eu-west-3"]), st.sampled_from(["s3", "s3-outposts"])
    ),
    secret=st.from_regex(r"[A-Za-z0-9/+]{1,40}", fullmatch=True),
)
def test_a_request_is_signed_as_botocore_signs_it(
    method: str,
    key: str,
    query: dict[str, str],
    headers: dict[str, str],
    token: str | None,
    scope: Scope,
    secret: str,
) -> None:
    keys, host, path = Keys("AKIDEXAMPLE", secret, token), "bucket.example.org:9000", "/" + encode_path(key)
    theirs, now = authorization_by_botocore(method, f"https://{host}{path}", query, headers, keys, scope)
    ours = sign(method, path, encode_query(query), {"host": host, **headers}, keys, scope, now)
    assert ours["authorization"] == theirs


@settings(max_examples=100)
@given(TEXT)
def test_a_key_is_encoded_as_botocore_encodes_it(key: str) -> None:
    assert encode_path(key) == percent_encode(key, safe="-._~/")


def test_a_query_is_sent_in_the_order_in_which_it_is_signed() -> None:
    assert encode_query({"uploads": "", "b": "1/2", "B": "ü"}) == f"B={quote('ü')}&b=1%2F2&uploads="


def test_all_headers_are_signed_the_session_token_too() -> None:
    keys = Keys("AKID", "secret", "the token")
    headers = sign(
        "GET", "/k", "", {"host": "h", "range": "bytes=0-1"}, keys, Scope("r", "s3"), "20260102T030405Z"
    )
    assert headers["x-amz-security-token"] == "the token"
    signed = "host;range;x-amz-content-sha256;x-amz-date;x-amz-security-token"
    assert f"SignedHeaders={signed}," in headers["authorization"]
    assert "Credential=AKID/20260102/r/s3/aws4_request," in headers["authorization"]


def test_what_holds_secrets_does_not_show_them() -> None:
    assert repr(Keys("AKID", "very", "secret")) == "Keys(access='AKID')"
