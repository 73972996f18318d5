"""For all tests."""

from __future__ import annotations

import signal

import hypothesis

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


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Bytes go by their argument's name: an archive's have the time in them, and processes that test side by
    side have to agree on the tests' names.
    """
    return argname if isinstance(val, bytes) and len(val) > 10 else None
