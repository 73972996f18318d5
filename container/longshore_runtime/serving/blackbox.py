"""What a worker did last, in memory that gunicorn's master can still read when the worker has died.

The memory is mapped before the fork and shared by the two: no file, so neither a full disk nor a change of
user matters, and a worker killed in the middle of a write leaves what it had written until then.
"""

from __future__ import annotations

import mmap
import struct
import time
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import NamedTuple

from longshore_runtime import contract

_PLACES = 64  # requests remembered: the last ones begun
_ID_BYTES = contract.INFERENCE_ID_MAX
_RECORD = 1 + _ID_BYTES
_IN_FLIGHT, _ANSWERED = b">", b"."
_IN_FLIGHT_BYTE = _IN_FLIGHT[0]
# Requests begun; resident bytes; the time.monotonic() at which it was ready, and at which it began with the
# golden request it is at, 0 where there is none; requests answered; whether it timed out.
_COUNT, _TIME = struct.Struct("Q"), struct.Struct("d")
_BEGUN_AT, _RSS_AT, _READY_AT, _TRYING_AT, _ANSWERED_AT, _TIMED_OUT, _RECORDS_AT = 0, 8, 16, 24, 32, 40, 41
# Each place of a call: the time.monotonic() at which it began, 0 when none runs there; how many requests it
# is for; how many bytes of their ids follow. Memory that is never written to takes up none.
_CALLS, _CALL, _CALL_BYTES, _CALLS_AT = 64, struct.Struct("dII"), 2048, 8192
_PAGE = mmap.PAGESIZE
_STATM = Path("/proc/self/statm")


class Call(NamedTuple):
    """A call of the model that runs: since when (time.monotonic()), for how many requests, the first ids."""

    began: float
    requests: int
    ids: list[str]


class BlackBox:
    """Written by one worker, read by the master. Writing costs a request less than a microsecond in all."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _CALLS_AT + _CALLS * _CALL_BYTES)
        self._numbers, self._answers = count(1), count(1)
        self._holders = [0] * _PLACES  # whose each place is: more may be in flight than there are places
        self._free = [_CALLS_AT + number * _CALL_BYTES for number in range(_CALLS)]

    # In the worker

    def adopt(self, other: BlackBox) -> None:
        """Write where `other` does from now on: whoever has this one already goes on with it."""
        self._memory = other._memory

    def begin(self, request_id: str) -> int:
        """A request has come; request_id is ASCII. Gives what end() needs to know."""
        number = next(self._numbers)  # in one step, whichever thread asks
        place = number % _PLACES
        self._holders[place] = number
        at = _RECORDS_AT + place * _RECORD
        self._memory[at : at + _RECORD] = _IN_FLIGHT + request_id.encode().ljust(_ID_BYTES)
        _COUNT.pack_into(self._memory, _BEGUN_AT, number)
        return number

    def end(self, number: int, *, refused: bool) -> None:
        """That request has its answer. refused: it was not computed, nor was anything wrong with it."""
        place = number % _PLACES
        if self._holders[place] == number:
            at = _RECORDS_AT + place * _RECORD
            self._memory[at : at + 1] = _ANSWERED
        if not refused:
            _COUNT.pack_into(self._memory, _ANSWERED_AT, next(self._answers))

    def call(self, request_ids: Sequence[str], began: float | None = None) -> int | None:
        """The model is called with these requests. Gives what returned() needs to know.

        began: the time.monotonic() at which it was, where that is not now.
        """
        try:
            at = self._free.pop()
        except IndexError:
            return None  # more at once than there are places for
        start = at + _CALL.size
        ids = "\n".join(request_ids).encode()[: _CALL_BYTES - _CALL.size]
        self._memory[start : start + len(ids)] = ids
        _CALL.pack_into(self._memory, at, began or time.monotonic(), len(request_ids), len(ids))
        return at

    def returned(self, at: int | None) -> None:
        """That call has ended."""
        if at is not None:
            _TIME.pack_into(self._memory, at, 0.0)
            self._free.append(at)

    def trying(self, trying: bool) -> None:
        """This worker has loaded, and is at its golden request, or no longer."""
        _TIME.pack_into(self._memory, _TRYING_AT, time.monotonic() if trying else 0.0)

    def ready(self) -> None:
        """This worker takes requests from now on."""
        _TIME.pack_into(self._memory, _READY_AT, time.monotonic())

    def measure(self) -> None:
        """Note how much memory this worker has resident."""
        _COUNT.pack_into(self._memory, _RSS_AT, int(_STATM.read_text().split()[1]) * _PAGE)

    def time_out(self) -> None:
        """This worker is about to end itself, because a call has taken too long."""
        self._memory[_TIMED_OUT] = 1

    # In the master

    @property
    def timed_out(self) -> bool:
        return bool(self._memory[_TIMED_OUT])

    @property
    def ready_at(self) -> float | None:
        """The time.monotonic() at which the worker was ready; None if it never was."""
        return float(_TIME.unpack_from(self._memory, _READY_AT)[0]) or None

    @property
    def trying_since(self) -> float | None:
        """The time.monotonic() at which the worker began with its golden request; None if it is not at it."""
        return float(_TIME.unpack_from(self._memory, _TRYING_AT)[0]) or None

    @property
    def rss(self) -> int:
        """Resident bytes when they were last measured; 0 if they never were."""
        return int(_COUNT.unpack_from(self._memory, _RSS_AT)[0])

    @property
    def answered(self) -> int:
        """How many requests have been answered. A refusal is none: it shows no worker that works."""
        return int(_COUNT.unpack_from(self._memory, _ANSWERED_AT)[0])

    def requests(self, *, in_flight: bool) -> list[str]:
        """The ids of the last requests in flight, or of the last answered, the oldest first."""
        begun = _COUNT.unpack_from(self._memory, _BEGUN_AT)[0]
        found = []
        for number in range(max(1, begun - _PLACES + 1), begun + 1):
            at = _RECORDS_AT + number % _PLACES * _RECORD
            if (self._memory[at] == _IN_FLIGHT_BYTE) == in_flight:
                found.append(self._memory[at + 1 : at + _RECORD].decode(errors="replace").rstrip())
        return found

    def calls(self) -> list[Call]:
        """The calls of the model that run, the oldest first."""
        found = []
        for at in range(_CALLS_AT, _CALLS_AT + _CALLS * _CALL_BYTES, _CALL_BYTES):
            began, requests, size = _CALL.unpack_from(self._memory, at)
            if began:
                start = at + _CALL.size
                ids = self._memory[start : start + size].decode(errors="replace").split("\n")
                found.append(Call(began, requests, ids))
        return sorted(found)

    def close(self) -> None:
        self._memory.close()


# This process's own: in a worker the one that its master reads (gunicorn_conf.post_fork).
mine = BlackBox()
