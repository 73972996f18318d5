"""The model runner: the user's Python model, in this process.

What is decoded goes through the queue (queue.py): one predict at a time unless the model says that it can do
more, so that a model need not be thread-safe, and predict_batch for all that waits where the user has one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

from longshore_runtime import logs, once
from longshore_runtime.errors import StartError
from longshore_runtime.model_settings import CONCURRENCY_MAX
from longshore_runtime.runners.base import Answer, Context, Gate, Step, UnreadBody, Witness
from longshore_runtime.runners.model import (
    batching,
    decoding_settings,
    failures,
    loader,
    media,
    metrics,
)
from longshore_runtime.runners.model.calls import Calls, Token
from longshore_runtime.runners.model.codec import Codec, refused
from longshore_runtime.runners.model.conversions import Conversions
from longshore_runtime.runners.model.decoding import ESTIMATED_FROM
from longshore_runtime.runners.model.item import Item, Steps, gone, through
from longshore_runtime.runners.model.queue import ModelQueue
from longshore_runtime.runners.model.room import Room
from longshore_runtime.settings import Settings

log = logs.get("model")

# A request that waits in the queue until nginx gives up on it gets the worker's 503 and not nginx's 504, also
# where the machine stands still for a moment just then: so long before nginx, or this share of the time limit
# where that is less.
_BEFORE_NGINX_SECONDS = 0.5
_BEFORE_NGINX_SHARE = 0.25
# A request this old has waited before it was read: its client may have gone.
_OLD_SECONDS = 0.05
# What is decoded in the call may have to wait there for room in memory, which others in the same batch would
# keep until it ends. In UTF-8 a body may have three times its size.
_ALONE_FROM = ESTIMATED_FROM // 3
_LONG_TO_READ = 2**20  # bytes: they take about as long as changing threads, or longer


class ModelRunner:
    """Decode, predict, encode. What each may raise, and what becomes of it:

    decode   ValueError: the body cannot be read (400)
    predict  ValueError: the model refuses this data (422); in predict_batch, an exception in an item's place
    encode   ValueError: the model cannot answer in this type (406)
    any      RequestError: as it says; every other exception: the model has failed (500)
    """

    def __init__(
        self,
        settings: Settings,
        program_dir: Path,
        witness: Witness | None = None,
        gate: Gate | None = None,
    ) -> None:
        self._settings = settings
        self._program_dir = program_dir
        self._calls = Calls(witness)
        self._conversions = Conversions(witness)
        self._gate = gate
        self._patience = settings.timeout - min(_BEFORE_NGINX_SECONDS, _BEFORE_NGINX_SHARE * settings.timeout)
        self.at_once = 1

    def load(self) -> None:
        self._code = loader.load(self._settings, self._program_dir)
        self.example = self._code.example
        self._decoder = decoding_settings.decoder(self._settings, self._code.csv_header, self._code.path)
        default_accept = self._settings.default_accept or self._code.default_accept
        self._codec = Codec(self._code, default_accept, self._conversions)
        self._model = self._code.load(self._settings.model_dir)
        model = self._settings.model
        concurrency = model.concurrency or _allowed_by(self._model)
        batched = self._code.predict_batch is not None
        if not batched:
            _tell_of_idle_settings(self._settings, self._code.path)
        most = model.max_batch_size if batched else 1
        self.queue = ModelQueue(
            self._compute_batch if batched else self._compute_one,
            self._calls,
            at_once=concurrency,
            places=model.max_queue,
            most=most,
            delay=model.max_batch_delay_ms / 1000 if batched else 0.0,
            target=model.latency_target_ms / 1000 if batched and model.latency_target_ms else None,
            patience=self._patience,
            gate=self._gate,
            conversions=self._conversions,
        )
        self._room = Room(model.max_bodies_mb * 2**20)
        # Only a request that has room for its body asks for this: so no two can wait for each other.
        self._memory = Room(self._decoder.memory)
        self.at_once = concurrency * most

    def look(self) -> Step | None:
        since = self._calls.busy_since()
        call = None if since is None else Step(since, "a call of the model")
        return min(filter(None, (call, self._conversions.look())), default=None)

    def drain(self, seconds: float) -> None:
        """Nothing runs but requests in flight, for which nginx waits."""

    def invoke(self, body: bytes, context: Context) -> Answer:
        return through(self.steps(body, context), self.queue.settle)

    def steps(self, body: bytes, context: Context) -> Steps[Answer]:
        """The same in two steps: it yields its item, and wants to go on when that is settled."""
        deadline = self._admit(context)
        context.decode = self._decoder
        try:
            return (yield from self._answer(self._item(body, context, deadline)))
        finally:
            metrics.observe_stages(context.stages)

    def invoke_unread(self, body: UnreadBody, context: Context) -> Answer:
        """The same for a large body, which is read when there is room for it."""
        deadline = self._admit(context)
        began = monotonic()
        try:
            with ExitStack() as held:
                held.enter_context(self._room.hold(body.size, context, deadline))
                context.stages["queue"] = monotonic() - began
                charge = lambda size: held.enter_context(self._memory.hold(size, context, deadline))  # noqa: E731
                context.decode = partial(self._decoder, charge=charge)
                # Held by no variable of ours, so that a body goes when it is decoded.
                steps = self._answer(self._item(self._read(body, context), context, deadline, unread=True))
                return through(steps, self.queue.settle)
        finally:
            metrics.observe_stages(context.stages)

    def _admit(self, context: Context) -> float:
        """The request's deadline; RequestError where it cannot be met, or the client has gone."""
        if monotonic() - context.received > _OLD_SECONDS and context.client_gone():
            raise gone()
        deadline = context.received + self._patience
        self.queue.admit(deadline, self._room.waiting + self._memory.waiting)
        return deadline

    def _read(self, body: UnreadBody, context: Context) -> bytes | bytearray:
        """A body as bytes for the user's decode; a writable one where an array can be a view of it."""
        if body.size > _LONG_TO_READ:
            context.hand_over()
        is_npy = media.parse(context.content_type).type == media.NPY
        return body.read_writable() if is_npy and self._code.decode is None else body.read()

    def _item(self, body: bytes | bytearray, context: Context, deadline: float, unread: bool = False) -> Item:
        """Return a request for the queue, which alone holds its body, or its data."""
        if self._code.decode_in_call and self.queue.at_once == 1:
            item = Item(None, context, deadline)
            item.body = body
            item.alone = unread and len(body) > _ALONE_FROM
            return item
        data, records = self._codec.decode(body, context)
        item = Item(data, context, deadline)
        item.records = records
        return item

    def _answer(self, item: Item) -> Steps[Answer]:
        context = item.context
        if not self.queue.settle_now(item):
            yield item
        try:
            prediction = item.result()
        except ValueError as error:
            raise refused(422, "the model refused the data", error) from error
        finally:
            until = item.ended if item.began is None else item.began
            waited = context.stages.get("queue", 0.0) + context.unread
            context.stages["queue"] = waited + until - item.entered
            if item.began is not None:
                context.stages["predict"] = item.ended - item.began
        log.debug("predicted %.500r", prediction)
        answer = item.encoded or self._codec.encode(prediction, item.records, context)
        if context.answer_status or context.answer_type:  # as answer_headers, they replace a response's own
            status, content_type = context.answer_status or answer.status, context.answer_type
            answer = replace(answer, status=status, content_type=content_type or answer.content_type)
        return answer

    def _compute_one(self, items: list[Item]) -> None:
        (item,) = items
        call = self._begin((item.context.request_id,))
        try:
            if item.body is not None:
                self._decode_in_call(item)
            item.succeed(self._code.predict(self._model, item.data, item.context))
            if self._code.encode_in_call:
                self._encode_in_call(item)
        except BaseException as error:  # noqa: BLE001  # a model may raise anything
            item.fail(failures.of(error))
        finally:
            self._calls.end(call, 1)

    def _begin(self, request_ids: Sequence[str]) -> Token:
        metrics.observe_batch(len(request_ids))
        logs.request_id.set(request_ids[0])  # for what the model logs, whoever's thread it runs in
        return self._calls.begin(request_ids)

    def _compute_batch(self, items: list[Item]) -> None:
        _each(self._decode_in_call, [item for item in items if item.body is not None])
        batching.compute(self._call_batch, [item for item in items if not item.settled])
        if self._code.encode_in_call:
            _each(self._encode_in_call, [item for item in items if item.error is None])

    def _decode_in_call(self, item: Item) -> None:
        assert item.body is not None
        logs.request_id.set(item.context.request_id)
        body, item.body = item.body, None
        item.data, item.records = self._codec.decode(body, item.context)

    def _encode_in_call(self, item: Item) -> None:
        if self.queue.at_once == 1:
            logs.request_id.set(item.context.request_id)
            item.encoded = self._codec.encode(item.prediction, item.records, item.context)

    def _call_batch(self, items: list[Item]) -> Any:
        assert self._code.predict_batch is not None
        call = self._begin([item.context.request_id for item in items])
        try:
            data, contexts = [item.data for item in items], [item.context for item in items]
            return self._code.predict_batch(self._model, data, contexts)
        finally:
            self._calls.end(call, len(items))


def _each(do: Callable[[Item], None], items: Sequence[Item]) -> None:
    """Do it for each of them. One that fails does so alone."""
    for item in items:
        try:
            do(item)
        except BaseException as error:  # noqa: BLE001  # a model may raise anything
            item.fail(failures.of(error))


def _allowed_by(model: object) -> int:
    """How many predicts at once the loaded model allows by its attribute max_concurrency; 1 without one."""
    allowed: Any = getattr(model, "max_concurrency", 1)
    if not isinstance(allowed, int) or isinstance(allowed, bool) or not 1 <= allowed <= CONCURRENCY_MAX:
        raise StartError(
            f"the model's max_concurrency ({type(model).__name__})",
            f"{allowed!r:.100} is not allowed.",
            f"Make it a whole number from 1 to {CONCURRENCY_MAX}, or set MODEL_SERVER_PREDICT_CONCURRENCY.",
        )
    return allowed


def _tell_of_idle_settings(settings: Settings, code: Path) -> None:
    """Say which settings do nothing for want of predict_batch: one line, of whichever process loads first."""
    names = ", ".join(settings.model.set_for_batches)
    if not names or not once.first(settings.run_dir, "idle_settings"):
        return
    log.warning(
        "%s: set, but without effect: %s has no predict_batch, and each request is computed alone."
        " Write predict_batch(model, items), or unset this.",
        names,
        code,
    )
