"""How an instance leaves: it waits for what is in flight, until somebody hastens it."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from longshore.emulator.hosting.instance import Instance


def test_it_waits_for_what_is_in_flight_and_no_longer_than_it_may(tmp_path: Path) -> None:
    platform: Any = SimpleNamespace(folder=tmp_path)  # all that one asks which has not been started
    ended, hastened = (Instance(platform, "e", "v", {}) for _ in range(2))
    for instance in (ended, hastened):
        assert instance.lease()
    threads = [threading.Thread(target=instance.drain, args=(3600,)) for instance in (ended, hastened)]
    for thread in threads:
        thread.start()
    ended.release()
    threads[0].join()
    hastened.hasten(0)
    threads[1].join()
    assert not ended.lease()
    assert not hastened.lease()
