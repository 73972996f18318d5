"""Web pages of other origins, in headless Chromium, against an emulator that is open on the same machine."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from longshore.emulator.books import services
from tests.support.browser import chromium
from tests.support.emulator import EmulatorProcess
from tests.support.server import CHECKOUT, PATIENCE

BUCKET = "of-the-user"
# Names that the browser resolves to this machine, as an attacker's name server can.
FOREIGN = "evil.example"

# By the name that requests are signed for: the path, the operation, and the prefix of X-Amz-Target if any.
SERVICES: dict[str, tuple[str, str, str]] = {
    "s3": (f"/{BUCKET}/object", "PutObject", ""),
    "sts": ("/", "AssumeRole", ""),
    "iam": ("/", "CreateUser", ""),
    "sns": ("/", "CreateTopic", ""),
    "sqs": ("/", "CreateQueue", "AmazonSQS."),
    "ec2": ("/", "CreateKeyPair", ""),
    "monitoring": ("/", "PutMetricData", "GraniteServiceVersion20100801."),
    "logs": ("/", "CreateLogGroup", "Logs_20140328."),
    "ecr": ("/", "CreateRepository", "AmazonEC2ContainerRegistry_V20150921."),
    "kms": ("/", "CreateKey", "TrentService."),
    "secretsmanager": ("/", "CreateSecret", "secretsmanager."),
    "ssm": ("/", "PutParameter", "AmazonSSM."),
    "application-autoscaling": ("/", "RegisterScalableTarget", "AnyScaleFrontendService."),
    "tagging": ("/", "GetResources", "ResourceGroupsTaggingAPI_20170126."),
    "sagemaker": ("/", "CreateModel", "SageMaker."),
    "sagemaker-runtime": ("/endpoints/any/invocations", "InvokeEndpoint", ""),
    "moto": ("/moto-api/reset", "Reset", ""),
    "interrupt": ("/_longshore/interrupt?job=any", "Interrupt", ""),
    "form": ("/_longshore/invoke", "Invoke", ""),
    "page": ("/_longshore/overview", "Overview", ""),
}

ATTACK = (CHECKOUT / "tests" / "support" / "foreign_page.js").read_text()


class _Site(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = b"<!doctype html><title>somebody's</title><body></body>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def site() -> Iterator[int]:
    """The port of another origin's server."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Site) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium(f"--host-resolver-rules=MAP {FOREIGN} 127.0.0.1") as browser:
        yield browser


class Visit:
    """A page, and the status of each answer that the emulator gave to it, by its number in the browser.

    From the network and not from the page, which does not get answers that are closed to it.
    """

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self._address = address
        self._asked: dict[str, str] = {}
        self._statuses: dict[str, int] = {}
        page.set_default_timeout(PATIENCE * 1000)
        self._network = page.context.new_cdp_session(page)
        self._network.on("Network.requestWillBeSent", self._note_request)
        self._network.on("Network.responseReceivedExtraInfo", self._note_status)
        self._network.send("Network.enable")

    def _note_request(self, event: dict[str, Any]) -> None:
        request = event["request"]
        if request["url"].startswith(self._address):
            self._asked[event["requestId"]] = f"{request['method']} {request['url']}"

    def _note_status(self, event: dict[str, Any]) -> None:
        self._statuses[event["requestId"]] = event["statusCode"]

    @property
    def answers(self) -> list[tuple[str, int]]:
        """What was asked of the emulator, and the status of the answer."""
        return [
            (self._asked[number], status)
            for number, status in self._statuses.items()
            if number in self._asked
        ]

    @property
    def admitted(self) -> list[tuple[str, int]]:
        return [(asked, status) for asked, status in self.answers if status != 403]

    def leave(self) -> None:
        self._network.detach()


@pytest.fixture
def visit(browser: Browser, emulator: EmulatorProcess) -> Iterator[Visit]:
    page = browser.new_page()
    yield Visit(page, emulator.address)
    page.close()


@pytest.fixture(scope="module")
def held(emulator: EmulatorProcess) -> EmulatorProcess:
    """The emulator with an object of the user's, in a bucket whose CORS rules admit every origin."""
    emulator.put(BUCKET, object=b"the user's")
    rule = {"AllowedOrigins": ["*"], "AllowedMethods": ["GET", "PUT", "POST"], "AllowedHeaders": ["*"]}
    emulator.client("s3").put_bucket_cors(Bucket=BUCKET, CORSConfiguration={"CORSRules": [rule]})
    return emulator


@pytest.fixture(scope="module")
def strangers(browser: Browser, site: int) -> Iterator[dict[str, Page]]:
    """Pages of other origins, by their site: another one, or this machine, as that of a notebook."""
    pages = {"cross-site": browser.new_page(), "same-site": browser.new_page()}
    pages["cross-site"].goto(f"http://{FOREIGN}:{site}/")
    pages["same-site"].goto(f"http://127.0.0.1:{site}/")
    yield pages
    for page in pages.values():
        page.close()


@pytest.mark.parametrize(
    ("service", "of"),
    [
        *((service, "cross-site") for service in SERVICES),
        *((service, "same-site") for service in ("s3", "sns", "sagemaker")),
    ],
)
def test_no_service_admits_a_page_of_another_origin(
    held: EmulatorProcess, strangers: dict[str, Page], service: str, of: str
) -> None:
    visit = Visit(strangers[of], held.address)
    path, action, target = SERVICES[service]
    wanted = {"address": held.address, "path": path, "action": action, "target": target, "service": service}
    assert visit.page.evaluate(ATTACK, wanted) == []
    visit.leave()
    assert len(visit.answers) > 15
    assert visit.admitted == []


def test_the_list_above_has_every_service() -> None:
    assert set(services.SERVICES) <= set(SERVICES)


def test_nothing_that_pages_of_other_origins_asked_for_was_done(held: EmulatorProcess) -> None:
    assert held.get(BUCKET, "object") == b"the user's"
    assert held.keys(BUCKET) == ["object"]
    topics = [topic["TopicArn"] for topic in held.client("sns").list_topics()["Topics"]]
    assert not [arn for arn in topics if arn.endswith(":evil")]  # other files' tests use this emulator too
    assert not [user for user in held.client("iam").list_users()["Users"] if user["UserName"] == "evil"]
    assert held.client("sagemaker").list_models(NameContains="evil")["Models"] == []


def test_a_foreign_name_for_this_machine_is_refused(held: EmulatorProcess, visit: Visit) -> None:
    port = held.address.rpartition(":")[2]
    for path in (
        "/",
        "/_longshore/overview",
        f"/{BUCKET}/object",
        "/moto-api/data.json",
        "/?Action=ListUsers",
    ):
        answer = visit.page.goto(f"http://{FOREIGN}:{port}{path}")
        assert answer is not None and answer.status == 403, path
        assert f"does not answer to the Host '{FOREIGN}:{port}'" in answer.text()


def test_the_page_is_not_shown_in_a_frame(held: EmulatorProcess, visit: Visit, site: int) -> None:
    visit.page.goto(f"http://localhost:{site}/")
    sandboxed = f'<iframe sandbox="allow-scripts allow-forms" src="{held.address}/"></iframe>'
    visit.page.set_content(f'<iframe src="{held.address}/"></iframe>{sandboxed}')
    visit.page.wait_for_load_state("networkidle")
    assert len(visit.answers) == 2 and visit.admitted == []


def test_a_link_on_another_page_opens_the_page_and_no_more(
    held: EmulatorProcess, visit: Visit, site: int
) -> None:
    for path, status in (("/", 200), ("/?Action=ListUsers", 403), ("/_longshore/overview", 403)):
        visit.page.goto(f"http://{FOREIGN}:{site}/")
        visit.page.set_content(f'<a href="{held.address}{path}">open</a>')
        with visit.page.expect_navigation() as navigation:
            visit.page.click("a")
        assert navigation.value.status == status
    visit.page.goto(f"http://{FOREIGN}:{site}/")
    with visit.page.context.expect_page() as popup:
        visit.page.evaluate("(url) => { window.opened = window.open(url); }", f"{held.address}/")
    popup.value.wait_for_load_state()
    visit.page.wait_for_function(
        "window.opened.closed"
    )  # the reference is cut, so that nothing is learned by it
    popup.value.close()


def test_a_web_socket_is_not_opened(held: EmulatorProcess, visit: Visit, site: int) -> None:
    visit.page.goto(f"http://{FOREIGN}:{site}/")
    opened = """(url) => new Promise((resolve) => {
      const socket = new WebSocket(url);
      socket.onopen = () => resolve(true);
      socket.onerror = () => resolve(false);
    })"""
    assert visit.page.evaluate(opened, held.address.replace("http:", "ws:")) is False


def test_a_document_of_s3_reaches_nothing_of_the_emulator(held: EmulatorProcess, visit: Visit) -> None:
    """The document may come from a job, a container or an unpacked archive."""
    target = {"X-Amz-Target": "SageMaker.CreateModel", "Content-Type": "application/x-amz-json-1.1"}
    invoke = {"Content-Type": "application/json"}
    script = f"""
      const asked = [["/_longshore/overview", {{}}], ["/_longshore/page.js", {{mode: "no-cors"}}],
        ["/", {{method: "POST", headers: {json.dumps(target)}, body: "{{}}"}}],
        ["/_longshore/invoke", {{method: "POST", headers: {json.dumps(invoke)}, body: "{{}}"}}],
        ["/{BUCKET}/object", {{method: "PUT", body: "EVIL"}}],
        ["/{BUCKET}/object", {{method: "POST", mode: "no-cors", body: "EVIL"}}]];
      Promise.allSettled(asked.map(([path, options]) => fetch("{held.address}" + path, options)))
        .then(() => {{ document.title = "tried"; }});
    """
    page = f"<!doctype html><title>report</title><script>{script}</script>".encode()
    held.client("s3").put_object(
        Bucket=BUCKET, Key="report.html", Body=page, ContentType="text/html", ACL="public-read"
    )
    presigned = held.client("s3").generate_presigned_url(
        "get_object", Params={"Bucket": BUCKET, "Key": "report.html"}
    )
    for url in (f"{held.address}/{BUCKET}/report.html", presigned):
        answer = visit.page.goto(url)
        assert answer is not None and answer.status == 200
        visit.page.wait_for_function("document.title === 'tried'")
    assert visit.admitted == [(f"GET {held.address}/{BUCKET}/report.html", 200), (f"GET {presigned}", 200)]
    assert len(visit.answers) > 12
    assert held.get(BUCKET, "object") == b"the user's"
