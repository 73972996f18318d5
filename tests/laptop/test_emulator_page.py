"""docs/emulator.md against what it describes: its walks are run as they stand, by their clients."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path

import click
import pytest

from longshore.emulator import runtime
from longshore.emulator.command import emulate
from longshore.emulator.operations import TABLE
from tests.support import clients, pages
from tests.support.emulator import EmulatorProcess
from tests.support.server import CHECKOUT, wait_until

PAGE = CHECKOUT / "docs" / "emulator.md"


BOTO3, CLI, SDK = (
    "Train, deploy, invoke, transform, delete: boto3",
    "The same with the AWS CLI",
    "The same with the SageMaker SDK",
)
Walks = dict[str, Future[str]]


@pytest.fixture(scope="module")
def walks(emulator: EmulatorProcess) -> Iterator[Walks]:
    """What each client says, when it has walked. All at once, because the SDK mostly sleeps between looks."""

    def with_boto3() -> str:
        return clients.run(emulator, [sys.executable, "-c", script(BOTO3)])

    def with_the_cli() -> str:
        programs = clients.python(clients.AWS_CLI).parent
        return clients.run(emulator, ["bash", "-euc", script(CLI)], programs)

    def with_the_sdk() -> str:
        return clients.run(emulator, [clients.python(clients.SDK_2), "-c", script(SDK)])

    with ThreadPoolExecutor(3) as pool:
        yield {BOTO3: pool.submit(with_boto3), CLI: pool.submit(with_the_cli), SDK: pool.submit(with_the_sdk)}


def script(title: str) -> str:
    return pages.script(pages.blocks(pages.section(PAGE, title)))


@pytest.mark.parametrize("title", [BOTO3, CLI, SDK])
def test_a_walk_says_what_the_page_shows(walks: Walks, title: str) -> None:
    blocks = pages.blocks(pages.section(PAGE, title))
    assert len(blocks) == 4
    pages.check(blocks, walks[title].result())


def test_nothing_is_left_by_the_walks(emulator: EmulatorProcess, walks: Walks) -> None:
    wait(walks.values())
    sagemaker = emulator.client("sagemaker")
    wait_until(lambda: not sagemaker.list_endpoints(NameContains="iris")["Endpoints"], "they go")
    assert not sagemaker.list_endpoint_configs(NameContains="iris")["EndpointConfigs"]
    assert not sagemaker.list_models(NameContains="iris")["Models"]


def test_the_start_is_as_shown(emulator: EmulatorProcess) -> None:
    shown = re.search(r"^\$ \S+ emulate\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert shown is not None
    expected = shown[1].replace("http://127.0.0.1:4577", emulator.address)
    assert hide_engine(emulator.said) == hide_engine(expected)


def hide_engine(said: str) -> str:
    """Without the line about the engine, which is another on each machine."""
    return re.sub(r"^.*host:PATH.*$", "", said, flags=re.MULTILINE)


def test_options_are_documented_with_their_defaults() -> None:
    documented = dict(re.findall(r"^\| `(--[a-z]+)` \| (.*) \|$", PAGE.read_text(), re.MULTILINE))
    options = [one for one in emulate.params if isinstance(one, click.Option)]
    assert documented == {
        one.opts[0]: f"{one.help}{'' if not one.show_default else f' {one.default} unless given.'}"
        for one in options
    }


def test_every_operation_has_its_row() -> None:
    rows = re.findall(r"^\| ([A-Z]\w+(?:, \w+)*) \|", pages.section(PAGE, "What is emulated"), re.MULTILINE)
    documented = {name for row in rows for name in row.split(", ")}
    routes = {
        "invocations": "InvokeEndpoint",
        "invocations-response-stream": "InvokeEndpointWithResponseStream",
        "async-invocations": "InvokeEndpointAsync",
    }
    assert {*TABLE, *(routes[route] for route in runtime.ROUTES)} <= documented


def test_links_lead_to_files() -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", PAGE.read_text()):
        assert (Path(PAGE).parent / target).exists(), target
