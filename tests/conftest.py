"""For all tests."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile

import hypothesis
import pytest

# A machine with much else to do may stand still for longer than an example is given by default.
hypothesis.settings.register_profile(
    "any machine",
    parent=hypothesis.settings(),
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("any machine")

# What a shell starts in the background ignores SIGINT, children inherit that, and train would keep to it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


_folder = pytest.StashKey[str]()


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Put all temporary files of this run into one folder, except pytest's own, which outlive failed tests.

    Its name is short, because the paths of unix sockets below it are limited to 108 bytes.
    """
    if not hasattr(config, "workerinput"):  # the processes of pytest-xdist inherit it
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", tempfile.gettempdir())
        config.stash[_folder] = tempfile.tempdir = tempfile.mkdtemp(prefix="lshr-")
        os.chmod(tempfile.tempdir, 0o755)  # noqa: PTH101  # other users' processes have folders in it
        os.environ["TMPDIR"] = tempfile.tempdir


def pytest_unconfigure(config: pytest.Config) -> None:
    if (folder := config.stash.get(_folder, None)) is not None:
        shutil.rmtree(folder, ignore_errors=True)


# Files whose tests take longest. They start first, so that none of them runs alone at the end: pytest-xdist
# would start files with few tests last.
_LONGEST = (
    "test_generated_requests.py",
    "test_clients.py",
    "test_emulator_page.py",
    "test_check_own.py",
    "test_demo.py",
    "test_emulator_policies.py",
    "test_sagemaker_training_toolkit.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.name not in _LONGEST)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Bytes go by their argument's name: an archive's have the time in them, and processes that test side by
    side have to agree on the tests' names.
    """
    return argname if isinstance(val, bytes) and len(val) > 10 else None
