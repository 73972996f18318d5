"""Requests that no browser of today sends, but others may: whom the emulator admits, and how it refuses."""

from __future__ import annotations

import http.client
import json

import pytest
import requests

from tests.laptop.test_emulator_in_browser import SERVICES
from tests.support.emulator import EmulatorProcess
from tests.support.server import PATIENCE

BUCKET = "guarded"


@pytest.fixture(scope="module")
def held(emulator: EmulatorProcess) -> EmulatorProcess:
    """With an object, in a bucket whose CORS rules admit every origin."""
    emulator.put(BUCKET, object=b"the user's")
    rule = {"AllowedOrigins": ["*"], "AllowedMethods": ["GET", "PUT"], "AllowedHeaders": ["*"]}
    emulator.client("s3").put_bucket_cors(Bucket=BUCKET, CORSConfiguration={"CORSRules": [rule]})
    return emulator


def ask(
    emulator: EmulatorProcess, service: str, headers: dict[str, str], method: str = "POST"
) -> requests.Response:
    path, action, target = SERVICES[service]
    scope = f"a/20260101/us-east-1/{service}/aws4_request"
    signed = {"Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"}
    if target:
        signed["X-Amz-Target"] = f"{target}{action}"
    return requests.request(
        method, emulator.address + path, headers={**signed, **headers}, data="{}", timeout=PATIENCE
    )


def port(emulator: EmulatorProcess) -> int:
    return int(emulator.address.rpartition(":")[2])


FOREIGN = [
    {"Host": "evil.example:{port}"},
    {"Origin": "null"},
    {"Origin": "http://evil.example"},
    {"Sec-Fetch-Site": "cross-site"},
]
ALSO_FOREIGN = [
    {"Host": "127.0.0.1"},
    {"Host": "127.0.0.1:{port}.evil.example"},
    {"Host": "localhost.evil.example:{port}"},
    {"Host": "localhost.:{port}"},
    {"Host": "evil.localhost@evil.example:{port}"},
    {"Host": ""},
    {"Origin": "http://evil.example:{port}"},
    {"Origin": "https://127.0.0.1:{port}"},
    {"Origin": "http://127.0.0.1:8888"},
    {"Origin": "http://localhost:{port}"},  # the request went to 127.0.0.1
    {"Origin": "chrome-extension://abcdef"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "anything new"},
    {"Host": "bucket.localhost:{port}", "Origin": "http://bucket.localhost:{port}"},
]


def refused(emulator: EmulatorProcess, service: str, template: dict[str, str], *methods: str) -> None:
    headers = {name: value.format(port=port(emulator)) for name, value in template.items()}
    for method in methods:
        answer = ask(emulator, service, headers, method)
        assert answer.status_code == 403, (method, headers, answer.text)
        assert not [name for name in answer.headers if name.lower().startswith("access-control-")]


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_refuses_what_does_not_come_from_its_own_page(
    held: EmulatorProcess, service: str
) -> None:
    for headers in FOREIGN:
        refused(held, service, headers, "POST")


@pytest.mark.parametrize("headers", ALSO_FOREIGN, ids=str)
def test_origins_and_names_that_only_look_like_the_own(
    held: EmulatorProcess, headers: dict[str, str]
) -> None:
    for service in ("s3", "sagemaker"):
        refused(held, service, headers, "POST", "GET", "PUT", "DELETE", "HEAD", "OPTIONS")


def test_browsers_that_do_not_say_where_a_request_comes_from_get_the_page_alone(
    held: EmulatorProcess,
) -> None:
    browser = {"User-Agent": "Mozilla/5.0 (Macintosh; Intel Mac OS X) Version/15.0 Safari/605.1.15"}
    for service in SERVICES:
        answer = ask(held, service, browser)
        assert (answer.status_code == 403) != SERVICES[service][0].startswith("/_longshore/"), service
    for path, status in (("/", 200), ("/_longshore/page.js", 200), (f"/{BUCKET}/object", 403)):
        answer = requests.get(held.address + path, headers=browser, timeout=PATIENCE)
        assert answer.status_code == status, path
    for query in ("?Action=ListUsers", "?X-Amz-Credential=a/20260101/us-east-1/iam/aws4_request"):
        answer = requests.get(f"{held.address}/{query}", headers=browser, timeout=PATIENCE)
        assert answer.status_code == 403


def test_a_refusal_says_what_to_do_in_the_form_of_the_service(held: EmulatorProcess) -> None:
    for headers in ({"Host": "evil.example"}, {"Origin": "http://evil.example"}):
        answer = ask(held, "sagemaker", headers)
        assert held.address in answer.json()["message"]
        assert answer.json()["__type"] == "AccessDeniedException"
        answer = ask(held, "s3", headers)
        assert answer.headers["Content-Type"] == "application/xml"
        assert "<Code>AccessDenied" in answer.text and held.address in answer.text


def test_no_answer_is_open_to_other_origins(held: EmulatorProcess) -> None:
    """Neither by moto's own headers nor by a bucket's CORS rules; and none is framed or run as a page."""
    s3 = held.client("s3")
    url = s3.generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": "object"})
    signed = {"Authorization": "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/iam/aws4_request"}
    answers = {
        "object": requests.get(url, timeout=PATIENCE),
        "own origin": requests.get(url, headers={"Origin": held.address}, timeout=PATIENCE),
        "own preflight": requests.options(
            f"{held.address}/{BUCKET}/object",
            headers={"Origin": held.address, "Access-Control-Request-Method": "PUT"},
            timeout=PATIENCE,
        ),
        "preflight of no page": requests.options(f"{held.address}/{BUCKET}/object", timeout=PATIENCE),
        "missing": requests.get(f"{held.address}/no-such-bucket/key", timeout=PATIENCE),
        "page": requests.get(held.address, timeout=PATIENCE),
        "sagemaker": ask(held, "sagemaker", {}),
        "iam": requests.post(f"{held.address}/?Action=ListUsers", headers=signed, timeout=PATIENCE),
    }
    assert answers["object"].content == b"the user's"
    for what, answer in answers.items():
        opened = [name for name in answer.headers if name.lower().startswith("access-control-")]
        assert opened == [], what
        policy = answer.headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in policy, what
        assert "sandbox" in policy or "default-src 'none'" in policy, what
        assert answer.headers["X-Content-Type-Options"] == "nosniff", what
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin", what


@pytest.mark.parametrize("path", ["reset", "data.json", "recorder/start-recording", "seed", ""])
def test_motos_own_interface_is_closed(held: EmulatorProcess, path: str) -> None:
    for method in ("GET", "POST"):
        answer = requests.request(method, f"{held.address}/moto-api/{path}", timeout=PATIENCE)
        assert answer.status_code in (403, 404, 405, 501)
        assert answer.headers["Content-Type"] == "application/xml"  # S3's, of which it is a bucket
    assert held.get(BUCKET, "object") == b"the user's"


def raw(emulator: EmulatorProcess, *headers: str, path: str = f"/{BUCKET}/object", version: int = 11) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port(emulator), timeout=PATIENCE)
    connection._http_vsn_str = f"HTTP/1.{version % 10}"  # type: ignore[attr-defined]
    connection.putrequest("GET", path, skip_host=True, skip_accept_encoding=True)
    for header in headers:
        name, _, value = header.partition(": ")
        connection.putheader(name, value)
    connection.endheaders()
    status = connection.getresponse().status
    connection.close()
    return status


def test_headers_that_could_be_read_in_two_ways_are_refused(held: EmulatorProcess) -> None:
    own = f"Host: 127.0.0.1:{port(held)}"
    assert raw(held, own, path="/_longshore/emulator") == 200
    assert raw(held, path="/_longshore/emulator", version=10) == 403  # without Host
    for name in ("Host", "Origin", "Sec-Fetch-Site", "Authorization", "X-Amz-Target"):
        twice = [f"{name}: one", f"{name}: two"]
        assert raw(held, *([] if name == "Host" else [own]), *twice, path="/_longshore/emulator") == 400
    assert raw(held, "Host: evil.example", own, path="/_longshore/emulator") == 400
    target = {"X-Amz-Target": "SageMaker.ListModels", "X_Amz_Target": "SageMaker.ListEndpoints"}
    answer = requests.post(held.address, data="{}", headers=target, timeout=PATIENCE)
    assert "Models" in answer.json()


def test_a_large_body_of_a_refused_request_is_not_read(held: EmulatorProcess) -> None:
    """It would be held in memory as a whole."""
    connection = http.client.HTTPConnection("127.0.0.1", port(held), timeout=PATIENCE)
    connection.putrequest("POST", "/")
    for name, value in (("Origin", "http://evil.example"), ("Content-Length", str(1 << 40))):
        connection.putheader(name, value)
    connection.endheaders(b"the first bytes of many")
    answer = connection.getresponse()
    assert answer.status == 403 and answer.headers["Connection"] == "close"
    connection.close()


def test_names_below_localhost_are_buckets(held: EmulatorProcess) -> None:
    """As S3's clients have them with virtual-hosted addresses."""
    url = held.client("s3").generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": "object"})
    query = url.partition("?")[2]
    for host in (f"{BUCKET}.localhost:{port(held)}", f"{BUCKET.upper()}.LOCALHOST:{port(held)}"):
        answer = requests.get(f"{held.address}/object?{query}", headers={"Host": host}, timeout=PATIENCE)
        assert answer.status_code != 403, answer.text


def test_the_own_page_may_use_what_is_its_own_and_no_more(held: EmulatorProcess) -> None:
    page = {"Origin": held.address, "Sec-Fetch-Site": "same-origin"}
    answer = requests.post(
        f"{held.address}/_longshore/invoke", json={"endpoint": "nobody"}, headers=page, timeout=PATIENCE
    )
    assert answer.status_code == 200 and json.loads(answer.text)["status"] == "400 Bad Request"
    for service in ("s3", "sagemaker", "sns", "moto"):
        assert ask(held, service, page).status_code == 403
