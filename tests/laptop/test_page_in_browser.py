"""The emulator's page in headless Chromium: it follows what boto3 does, and takes nothing for its own."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.browser import chromium
from tests.support.emulator import ROLE, EmulatorProcess
from tests.support.hosting import Hosting, image
from tests.support.jobs import train
from tests.support.server import PATIENCE, free_port

expect.set_options(timeout=PATIENCE * 1000)
PROGRAM = "speaks_markup"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """Without an error of its own at the end."""
    page = browser.new_page()
    page.set_default_timeout(PATIENCE * 1000)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    page.close()
    assert errors == []


@pytest.fixture(scope="module")
def hosting(emulator: EmulatorProcess) -> Hosting:
    return Hosting(emulator)


@pytest.fixture(scope="module")
def deployed(hosting: Hosting) -> Iterator[str]:
    name = hosting.endpoint(PROGRAM)
    yield name
    hosting.delete(name)


def test_an_endpoint_appears_comes_into_service_and_goes(hosting: Hosting, page: Page) -> None:
    emulator = hosting.emulator
    page.goto(emulator.address)
    expect(page.locator("#emulator")).to_contain_text(f"us-east-1, at {emulator.address}")
    expect(page.locator("#engines")).to_contain_text("host:PATH")
    name = hosting.create(hosting.config({"ModelName": hosting.model(PROGRAM), "InitialInstanceCount": 2}))
    row = page.locator("#endpoints tr", has_text=name)
    expect(row.locator(".status")).to_have_text("InService")
    expect(row).to_contain_text("v1")
    expect(row.locator("[data-label=Instances]")).to_contain_text(", healthy")
    row.get_by_role("link", name=name).press("Enter")
    expect(page.get_by_role("heading", name=name)).to_be_visible()
    assert page.url.endswith(f"#/endpoints/{name}")
    expect(page.locator("#steps .status")).to_have_text(["Creating", "InService"])
    expect(page.locator("#facts")).to_contain_text(", healthy")
    hosting.delete(name)
    expect(page.locator("#absent")).to_be_visible()


def test_log_lines_are_text_whatever_is_in_them(emulator: EmulatorProcess, page: Page, deployed: str) -> None:
    page.goto(f"{emulator.address}/#/endpoints/{deployed}")
    log = page.locator("#log")
    expect(log).to_contain_text("<script>document.title = 'broken into'</script>")
    expect(log).to_contain_text("<img src=x onerror=\"document.title='broken into'\">")
    expect(log).to_contain_text("^[[31mred^[[0m &amp; a lot")
    assert log.locator("img, script").count() == 0
    expect(page).to_have_title(f"{deployed} – Longshore")
    Hosting(emulator).invoke(deployed, "this came later", ContentType="text/plain")
    expect(log).to_contain_text("asked for b'this came later' of text/plain")


def test_the_form_invokes_and_shows_what_came_as_it_is(
    emulator: EmulatorProcess, page: Page, deployed: str, tmp_path: Path
) -> None:
    page.goto(f"{emulator.address}/#/endpoints/{deployed}")
    body, status, answer = (
        page.get_by_label("Body", exact=True),
        page.locator("#result-status"),
        page.locator("#result-body"),
    )
    page.get_by_label("Content type").fill("text/x-mine")
    body.fill("markup")
    body.press("Control+Enter")
    expect(status).to_have_text("200 OK")
    expect(answer).to_have_text("<b onclick='x'>bold</b>")
    expect(page.locator("#result-headers")).to_contain_text("x-Amzn-Invoked-Production-Variant")
    expect(page.locator("#result-size")).to_contain_text(" ms, 23 bytes")
    expect(page.locator("#log")).to_contain_text("asked for b'markup' of text/x-mine")

    body.fill("error")
    page.get_by_role("button", name="Invoke").click()
    expect(status).to_have_text("424 Failed Dependency")
    expect(answer).to_contain_text('"OriginalMessage": "There is no such thing."')

    body.fill("binary")
    page.get_by_role("button", name="Invoke").click()
    expect(page.locator("#result-size")).to_contain_text("8 bytes that are no text")
    expect(answer).to_have_text("")

    page.get_by_label("Target variant").fill("green")
    page.get_by_role("button", name="Invoke").click()
    expect(answer).to_contain_text("Variant green is not of this endpoint.")
    page.get_by_label("Target variant").fill("")

    file = tmp_path / "body"
    file.write_bytes(bytes(range(256)))
    page.get_by_label("or a file").set_input_files(file)
    expect(body).to_be_disabled()
    page.get_by_role("button", name="Invoke").click()
    expect(page.locator("#result-size")).to_contain_text("256 bytes that are no text")
    page.get_by_role("button", name="Take the text").click()
    expect(body).to_be_focused()
    expect(body).to_have_value("binary")

    expect(page.locator("#numbers div", has_text="errors").locator("dd")).not_to_have_text("0")
    expect(page.locator("#drawing .median")).to_have_attribute("d", re.compile("M"))


def test_what_was_typed_and_chosen_stays_while_everything_changes(
    emulator: EmulatorProcess, page: Page, deployed: str
) -> None:
    page.goto(f"{emulator.address}/#/endpoints/{deployed}")
    page.get_by_label("Body", exact=True).fill("half a tho")
    page.get_by_label("Body", exact=True).focus()
    invocations = page.locator("#numbers div", has_text="invocations").locator("dd")
    before = invocations.inner_text()
    Hosting(emulator).invoke(deployed, "x")
    expect(invocations).not_to_have_text(before)
    page.keyboard.press("End")
    page.keyboard.type("ught")
    expect(page.get_by_label("Body", exact=True)).to_have_value("half a thought")
    page.evaluate("location.hash = '#/'")
    page.get_by_role("link", name=deployed).click()
    expect(page.get_by_label("Body", exact=True)).to_have_value("half a thought")


def test_of_a_direct_pipeline_the_form_names_a_container(hosting: Hosting, page: Page, deployed: str) -> None:
    page.goto(f"{hosting.emulator.address}/#/endpoints/{deployed}")
    expect(page.get_by_label("Target variant")).to_be_visible()
    expect(page.get_by_label("Target container")).to_be_hidden()

    hosting.sagemaker.create_model(
        ModelName="direct",
        ExecutionRoleArn=ROLE,
        Containers=[
            {"Image": image("stage"), "Environment": {"STAGE": name}, "ContainerHostname": name}
            for name in ("first", "second")
        ],
        InferenceExecutionConfig={"Mode": "Direct"},
    )
    name = hosting.create(hosting.config({"ModelName": "direct"}))
    assert hosting.settled(name)["EndpointStatus"] == "InService"
    page.goto(f"{hosting.emulator.address}/#/endpoints/{name}")
    page.get_by_label("Body", exact=True).fill('{"way": []}')
    page.get_by_role("button", name="Invoke").click()
    expect(page.locator("#result-body")).to_contain_text("name one of its containers")
    options = page.locator("#containers option")
    expect(options).to_have_count(2)
    assert [option.get_attribute("value") for option in options.all()] == ["first", "second"]
    page.get_by_label("Target container").fill("second")
    page.get_by_role("button", name="Invoke").click()
    expect(page.locator("#result-status")).to_have_text("200 OK")
    expect(page.locator("#result-body")).to_contain_text('"stage": "second"')

    page.goto(f"{hosting.emulator.address}/#/endpoints/{deployed}")
    expect(page.get_by_label("Target container")).to_be_hidden()
    page.get_by_role("button", name="Invoke").click()
    expect(page.locator("#result-status")).to_have_text("200 OK")  # what was typed is not sent along
    hosting.delete(name)


def test_an_asynchronous_endpoint_has_no_form_and_says_how(
    hosting: Hosting, page: Page, deployed: str
) -> None:
    emulator = hosting.emulator
    emulator.put("asynchronous")
    config = hosting.config(
        {"ModelName": hosting.model(PROGRAM)},
        AsyncInferenceConfig={"OutputConfig": {"S3OutputPath": "s3://asynchronous/out"}},
    )
    name = hosting.create(config)
    page.goto(f"{emulator.address}/#/endpoints/{name}")
    expect(page.locator("#invoke")).to_contain_text("an asynchronous endpoint takes no InvokeEndpoint")
    expect(page.locator("#invoke")).to_contain_text(f"invoke-endpoint-async --endpoint-name {name}")
    expect(page.get_by_role("button", name="Invoke")).to_be_hidden()
    page.goto(f"{emulator.address}/#/endpoints/{deployed}")
    expect(page.get_by_role("button", name="Invoke")).to_be_visible()
    expect(page.locator("#asynchronous")).to_be_hidden()
    assert hosting.settled(name)["EndpointStatus"] == "InService"
    hosting.delete(name)


def test_a_training_job_that_failed_says_why(emulator: EmulatorProcess, page: Page, name: str) -> None:
    page.goto(emulator.address)
    train(emulator, name, "fails.py")
    row = page.locator("#jobs tr", has_text=name)
    expect(row.locator(".status")).to_have_text("Failed")
    expect(row.locator(".reason")).to_contain_text("AlgorithmError: The data is bad")
    expect(row).to_contain_text("Training")
    page.get_by_label("Find").fill("no job has this name")
    expect(row).to_be_hidden()
    page.get_by_label("Find").fill(f"{name} failed")
    row.get_by_role("link").click()
    expect(page.locator("#reason")).to_contain_text("The data is bad")
    expect(page.locator("#steps .status")).to_have_text(["Starting", "Downloading", "Training", "Failed"])
    expect(page.locator("#log")).to_contain_text("cannot go on")
    expect(page.locator("#facts")).to_contain_text(f"s3://{name}/out")
    expect(page.locator("#invoke")).to_be_hidden()


def test_of_a_flood_of_lines_the_last_are_kept(emulator: EmulatorProcess, page: Page, name: str) -> None:
    train(emulator, name, "fails.py")
    emulator.ended("Training", name)
    page.goto(f"{emulator.address}/#/training-jobs/{name}")
    log = page.locator("#log")
    expect(log).to_contain_text("cannot go on")
    group, stream = "/aws/sagemaker/TrainingJobs", f"{name}/flood"
    logs = emulator.client("logs")
    logs.create_log_stream(logGroupName=group, logStreamName=stream)
    for batch in range(4):
        now = int(time.time() * 1000)
        events = [{"timestamp": now, "message": f"line {batch}-{number}"} for number in range(3000)]
        logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)
        expect(log).to_contain_text(f"line {batch}-2999")
    assert log.locator("> div").count() == 5000
    expect(log.locator("> div").last).to_be_in_viewport()
    expect(log.locator(".note").last).to_have_text("… 1,000 more lines, not shown")


def test_long_names_fit_a_narrow_window(emulator: EmulatorProcess, page: Page) -> None:
    name = "a" * 56
    train(emulator, name, "fails.py")
    page.set_viewport_size({"width": 320, "height": 640})
    page.goto(emulator.address)
    expect(page.get_by_role("link", name=name)).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    page.get_by_role("link", name=name).click()
    expect(page.get_by_role("heading", name=name)).to_be_visible()
    expect(page.locator("#status")).to_have_text("Failed")
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_a_link_to_what_is_not_there_says_so(emulator: EmulatorProcess, page: Page) -> None:
    page.goto(f"{emulator.address}/#/processing-jobs/no%20such%3Cb%3E")
    expect(page.get_by_role("heading", name="no such<b>")).to_be_visible()
    expect(page.locator("#absent")).to_be_visible()


def test_the_page_outlives_the_emulator_and_says_so(tmp_path: Path, page: Page) -> None:
    port = str(free_port())
    emulator = EmulatorProcess(tmp_path, "--port", port)
    try:
        name = Hosting(emulator).endpoint(PROGRAM)
        page.goto(emulator.address)
        page.get_by_role("link", name=name).click()
        expect(page.locator("#log")).to_contain_text("a lot")
        page.get_by_label("Body", exact=True).fill("kept")
        expect(page.locator("#trouble")).to_be_hidden()
    finally:
        emulator.close()
    expect(page.locator("#trouble")).to_contain_text("The emulator has gone: no answer since")
    expect(page.locator("#log")).to_contain_text("a lot")
    page.get_by_role("button", name="Invoke").click()
    expect(page.locator("#result-status")).to_have_text("No answer")
    emulator = EmulatorProcess(tmp_path, "--port", port)
    try:
        expect(page.locator("#trouble")).to_be_hidden()
        expect(page.locator("#absent")).to_be_visible()  # without --state nothing was kept
        expect(page.locator("#log > div")).to_have_count(0)
        expect(page.get_by_label("Body", exact=True)).to_have_value("kept")
    finally:
        emulator.close()
