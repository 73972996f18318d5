"""What becomes of asynchronous invocations whose emulator ends, under --state."""

from __future__ import annotations

import pickle
from pathlib import Path

from tests.support.asynchronous import Asynchronous
from tests.support.emulator import EmulatorProcess


def test_what_waited_goes_on_and_what_has_expired_meanwhile_is_failed(tmp_path: Path) -> None:
    state = tmp_path / "state"
    ended = EmulatorProcess(tmp_path, "--state", str(state))
    before = Asynchronous(ended, tmp_path)
    name = before.endpoint(1)
    ran, waited, late = (before.name() for _ in range(3))
    told = {gate: before.invoke(name, gate, RequestTTLSeconds=60) for gate in (ran, waited, late)}
    before.wait_begun(ran)
    ended.close()
    kept = pickle.loads((state / "state").read_bytes())
    # As if it had been away for a minute.
    *_, last = kept["records"]["async-invocation"].values()
    last["CreationTime"] -= 60
    (state / "state").write_bytes(pickle.dumps(kept))
    emulator = EmulatorProcess(tmp_path, "--state", str(state))
    try:
        after = Asynchronous(emulator, tmp_path)
        assert b"The request expired" in after.stored(told[late]["FailureLocation"])
        for gate in (ran, waited):
            after.open(gate)
            assert after.stored(told[gate]["OutputLocation"]) == f"done {gate}".encode()
        assert after.began().count(ran) == 2  # once before, and once after
        assert late not in after.began()
    finally:
        emulator.close()
