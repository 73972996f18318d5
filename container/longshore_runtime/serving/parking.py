"""Requests that wait for the model without keeping a thread each.

A request on the short way (exchange.py) that has to wait is parked, and the thread that read it goes on
reading. What is settled is put here and the bell rung, once for a whole batch: an eventfd in the epoll of
threads.py, so that the thread that has the turn answers one after the other, in between what it reads.
"""

from __future__ import annotations

import contextlib
import contextvars
import os
from collections import deque
from collections.abc import Callable, Sequence

from longshore_runtime.runners.model.item import Item
from longshore_runtime.runners.model.queue import ModelQueue
from longshore_runtime.serving.turns import turns


class Parking:
    """Of one worker. For the thread that has the turn, but for what says otherwise."""

    def __init__(self, queue: ModelQueue, answers_itself: Callable[[], bool]) -> None:
        """Args:
        queue: of the model.
        answers_itself: whether a thread that has computed a request alone answers it, too.
        """
        self._queue = queue
        self._answers_itself = answers_itself
        self._context = contextvars.copy_context()  # what load() has set
        self._settled: deque[Item] = deque()
        self._rung = False
        self.bell = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        queue.hand_back = self._hand_back

    def park(self, item: Item, resume: Callable[[], None]) -> None:
        """Resume when the item is settled: at once, where it is refused."""
        item.resume = resume
        if not self._queue.enter(item):
            resume()
        elif not turns.has():  # it has taken long to decode, and another thread reads by now
            self.ring()

    def waits(self) -> float | None:
        """After how many seconds without an event to act().

        Below 0: before the next. None: not before there has been one.
        """
        expires = self._queue.expires_in()
        if expires is None:
            return None  # nothing waits
        starts = self._queue.starts_in()
        return expires if starts is None else min(starts, expires)

    def act(self) -> None:
        """Refuse what has expired, or else compute."""
        expires = self._queue.expires_in()
        if expires is not None and expires <= 0.0:
            self._queue.expire()
        elif not self._queue.may_lead():
            self._queue.call_leader()
        elif self._queue.starts_in() is not None:
            self.lead()

    def lead(self) -> None:
        """Compute, until nothing waits or something else is to be done first. For a thread that may lead."""
        while True:
            parked = self._context.copy().run(self._queue.lead)
            starts = self._queue.starts_in()
            if len(parked) == 1 and (starts is None or turns.has()) and self._answers_itself():
                _resume(parked[0])
                self._queue.handed_back()
                return  # to read, or to wait for the turn
            if parked or starts is not None:
                self._hand_back(parked)
            self._queue.handed_back()
            if starts is None or starts > 0.0 or turns.has():
                return  # the thread that reads, this one or another, will see to it

    def answer_one(self) -> None:
        """The bell has rung: go on with a request that is settled."""
        item = self._next()
        if not self._settled:
            with contextlib.suppress(BlockingIOError):  # one who had the turn before was here, too
                os.eventfd_read(self.bell)
            self._rung = False
            if self._settled:  # put here in between, by one who thought the bell still rang
                self.ring()
        if item is not None:
            _resume(item)

    def _next(self) -> Item | None:
        try:
            return self._settled.popleft()
        except IndexError:
            return None

    def _hand_back(self, items: Sequence[Item]) -> None:
        """From any thread."""
        self._settled.extend(items)
        self.ring()

    def ring(self) -> None:
        """Have the thread that reads look around. From any thread."""
        if not self._rung:
            self._rung = True
            os.eventfd_write(self.bell, 1)


def _resume(item: Item) -> None:
    resume, item.resume = item.resume, None
    if resume is not None:  # otherwise it has been handed back twice, after an interruption
        resume()
