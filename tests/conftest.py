"""For all tests."""

from __future__ import annotations

import signal

# What a shell starts in the background ignores SIGINT, children inherit that, and train would keep to it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
