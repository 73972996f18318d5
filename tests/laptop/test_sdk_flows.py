"""The SageMaker SDKs' own flows, 2.x and 3.x, with the real SDKs: each script of tests/clients/sdk_*."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

import pytest

from tests.laptop.test_emulator_page import PAGE
from tests.support import clients, pages
from tests.support.emulator import EmulatorProcess
from tests.support.sdk_flows import SDKS, Flows, has_namespaces

_SCRIPTS = [(sdk, script.stem) for sdk in SDKS for script in sorted((clients.CLIENTS / sdk).glob("*.py"))]


@pytest.fixture(scope="module")
def flows(
    request: pytest.FixtureRequest, emulator: EmulatorProcess, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Flows]]:
    """The selected scripts of each SDK that can be installed, all at the same time."""
    if not has_namespaces():
        pytest.skip("Without mount namespaces there is no /opt/ml, which the SDKs' own scripts name.")
    selected = [
        item.callspec.params
        for item in request.session.items
        if isinstance(item, pytest.Function) and item.module is request.module and "flow" in item.fixturenames
    ]
    started = {}
    with contextlib.ExitStack() as stack:
        for sdk in {str(each["sdk"]) for each in selected}:
            names = [str(each["flow"]) for each in selected if each["sdk"] == sdk]
            with contextlib.suppress(pytest.skip.Exception):
                flows = Flows(emulator, sdk, names, tmp_path_factory.mktemp(sdk))
                stack.callback(flows.close)
                started[sdk] = flows
        yield started


@pytest.mark.parametrize(("sdk", "flow"), _SCRIPTS)
def test_a_flow_of_the_sdk(flows: dict[str, Flows], sdk: str, flow: str) -> None:
    clients.python(SDKS[sdk].requirements)  # skips where it cannot be installed
    succeeded, output = flows[sdk].result(flow)
    assert succeeded, output


def test_each_flow_is_documented() -> None:
    rows = re.findall(
        r"^\| .* \| (.*) \| (.*)\|$", pages.section(PAGE, "What runs of the SageMaker SDKs"), re.MULTILINE
    )
    documented = {
        (sdk, name)
        for sdk, cells in zip(SDKS, zip(*rows, strict=True), strict=True)
        for names in re.findall(r"\(([^)]*)\)", " ".join(cells))
        for name in re.findall(r"`(\w+)`", names)
    }
    assert documented == set(_SCRIPTS)
