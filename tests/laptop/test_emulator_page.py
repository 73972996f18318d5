"""docs/emulator.md against what it describes: its walks are run as they stand, by their clients."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import click

from longshore.emulator import runtime
from longshore.emulator.command import emulate
from longshore.emulator.operations import TABLE
from tests.support import clients, pages
from tests.support.emulator import EmulatorProcess
from tests.support.server import CHECKOUT

PAGE = CHECKOUT / "docs" / "emulator.md"


def test_the_walk_with_boto3(emulator: EmulatorProcess) -> None:
    blocks = pages.blocks(pages.section(PAGE, "Train, deploy, invoke, transform, delete: boto3"))
    assert len(blocks) == 4
    pages.check(blocks, clients.run(emulator, [sys.executable, "-c", pages.script(blocks)]))
    assert_deleted(emulator)


def test_the_walk_with_the_aws_cli(emulator: EmulatorProcess) -> None:
    programs = clients.python(clients.AWS_CLI).parent
    blocks = pages.blocks(pages.section(PAGE, "The same with the AWS CLI"))
    assert len(blocks) == 4
    said = clients.run(emulator, ["bash", "-euc", pages.script(blocks)], programs)
    pages.check(blocks, said)
    assert_deleted(emulator)


def test_the_walk_with_the_sagemaker_sdk(emulator: EmulatorProcess) -> None:
    python = clients.python(clients.SDK_2)
    blocks = pages.blocks(pages.section(PAGE, "The same with the SageMaker SDK"))
    assert len(blocks) == 4
    pages.check(blocks, clients.run(emulator, [python, "-c", pages.script(blocks)]))
    assert_deleted(emulator)


def assert_deleted(emulator: EmulatorProcess) -> None:
    sagemaker = emulator.client("sagemaker")
    for name in ("boto3", "cli"):
        assert not sagemaker.list_models(NameContains=f"iris-{name}")["Models"]
    assert not sagemaker.list_models(NameContains="iris-2")["Models"]  # the SDK's, with the year
    assert not [
        one for one in sagemaker.list_endpoints()["Endpoints"] if one["EndpointName"].startswith("iris-b")
    ]


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
