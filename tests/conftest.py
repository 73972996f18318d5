"""For all tests."""

from __future__ import annotations

import signal

# What a shell starts in the background ignores SIGINT, children inherit that, and train would keep to it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Bytes go by their argument's name: an archive's have the time in them, and processes that test side by
    side have to agree on the tests' names.
    """
    return argname if isinstance(val, bytes) and len(val) > 10 else None
