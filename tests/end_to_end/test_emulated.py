"""The built image in the emulator: the walk of docs/emulator.md, with an image instead of the checkout."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.laptop.test_emulator_page import PAGE
from tests.support import clients, docker, pages
from tests.support.emulator import EmulatorProcess


def test_the_image_is_trained_deployed_invoked_and_transforms(image: str, tmp_path: Path) -> None:
    blocks = pages.blocks(pages.section(PAGE, "Train, deploy, invoke, transform, delete: boto3"))
    checkout = 'f"host:{Path.cwd()}"'
    assert checkout in blocks[0].code
    blocks = [block._replace(code=block.code.replace(checkout, repr(image))) for block in blocks]
    emulator = EmulatorProcess(tmp_path)
    try:
        pages.check(blocks, clients.run(emulator, [sys.executable, "-c", pages.script(blocks)]))
    finally:
        emulator.close()
    assert not docker.containers(image)
