"""What the rules of one check share: the target, a container that all but the destructive ones ask, a valid
payload.

Whatever is expensive is made once, when a rule first asks for it, and whoever asks for what could not be made
gets NotTried with the reason. Threads may ask at the same time. close() ends every container, whoever started
it.
"""

from __future__ import annotations

import contextlib
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from longshore import limits
from longshore.check import layout, payloads
from longshore.check.client import Address, Client
from longshore.check.exchange import Exchange
from longshore.check.once import Once
from longshore.check.options import Options
from longshore.check.payloads import Payload
from longshore.check.rule import NotTried
from longshore.check.served import How, Server, start
from longshore.check.training import NO_SUCH_COMMAND, Training, Work, run_training
from longshore.engines.base import HOST_PREFIX, Engine, Image, Running

T = TypeVar("T")
_TITLE = "org.opencontainers.image.title"
NO_SERVE = "it has no `serve`"
NO_MODEL = "/opt/ml/model is empty: give a model with --model DIR or --model model.tar.gz"
MULTI_MODEL = "SAGEMAKER_MULTI_MODEL"
_AGAIN_SECONDS = 0.05


class Session:
    """One check of one target: a URL, or an image that an engine can run."""

    def __init__(self, engine: Engine | None, name: str, options: Options) -> None:
        """engine: None where name is a URL. name: the image, host:PATH, or the URL."""
        self.engine_or_none = engine
        self.name = name
        self.options = options
        self.owner = f"check-{uuid.uuid4().hex[:12]}"
        self._work = tempfile.TemporaryDirectory(prefix="longshore-check-", ignore_cleanup_errors=True)
        self.folder = Path(self._work.name)
        self.folder.chmod(0o755)
        self._count = 0
        self._lock = threading.Lock()
        self._running: list[Running] = []
        self._closed = threading.Event()
        self.ended_with: int | None = None  # the exit code of a container that did not start
        self.image: Once[Image] = Once(self._find_image)
        self.model: Once[Path] = Once(self._find_model)
        self.model_before: Once[Mapping[str, tuple[int, int]]] = Once(lambda: layout.listing(self.model()))
        self.base: Once[Server] = Once(self._start_base)
        self.payload: Once[Payload] = Once(self._find_payload)
        self.trained: Once[Training] = Once(self._train)
        self.notice: Callable[[str], None] = lambda text: None  # shows a line while the check runs
        self.first_answer: Once[Exchange] = Once(self._first_answer)
        self.errors: list[Exchange] = []  # what the shared container refused, all of them
        self._shared: dict[str, Once[object]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End every container, and start no more."""
        self._closed.set()
        with self._lock:
            running, self._running = self._running, []
        for each in running:
            each.remove()
        self._work.cleanup()

    # -- what a container needs --

    @property
    def engine(self) -> Engine:
        """NotTried where the target is a URL."""
        if self.engine_or_none is None:
            raise NotTried("needs an image or a path: of a URL only what HTTP shows can be tried")
        return self.engine_or_none

    @property
    def on_host(self) -> bool:
        return self.name.startswith(HOST_PREFIX)

    @property
    def project(self) -> Path | None:
        """The folder of the project where that is what is checked."""
        return Path(self.name.removeprefix(HOST_PREFIX)) if self.on_host else None

    def several_models(self) -> bool:
        """Whether its own or the user's environment tells it to hold several models (B4)."""
        own = {} if self.engine_or_none is None else self.image().environment
        return {**own, **self.options.environment}.get(MULTI_MODEL, "").lower() == "true"

    @property
    def built_with_longshore(self) -> bool:
        """Whether the target is a project or an image that runs Longshore's own server."""
        if self.project is not None:
            return (self.project / "container" / "longshore_runtime").is_dir()
        return self.engine_or_none is not None and self.image().labels.get(_TITLE) == "Longshore"

    @property
    def without_model(self) -> bool:
        """Whether /opt/ml/model is empty: nobody gave a model, and nothing trained one."""
        return self.engine_or_none is not None and layout.is_empty(self.model())

    def needs_a_model(self) -> bool:
        """Whether nothing is given that could fill /opt/ml/model."""
        given = self.engine_or_none is None or self.options.model or self._model_of_project()
        return not given and self.training_inputs() is None

    def _model_of_project(self) -> Path | None:
        folder = None if self.project is None else self.project / "local_test" / "test_dir" / "model"
        return None if folder is None or layout.is_empty(folder) else folder

    @property
    def closed(self) -> bool:
        return self._closed.is_set()

    def new_folder(self, name: str) -> Path:
        """The path of a folder that does not exist yet, in one that will be removed."""
        with self._lock:
            self._count += 1
            return self.folder / f"{self._count}-{name}"

    @contextlib.contextmanager
    def started(self, how: How) -> Iterator[Server]:
        """A container as How says, which may not be ready, or ever be; removed at the end. NotTried where the
        engine cannot start it."""
        server = self.start(how)
        try:
            yield server
        finally:
            self.remove(server.running)

    @contextlib.contextmanager
    def ready(self, how: How, seconds: float | None = None) -> Iterator[Server]:
        """The same, but it answers /ping with 200. Raises NotReady where it does not."""
        with self.started(how) as server:
            server.wait_ready(seconds)
            yield server

    def start(self, how: How) -> Server:
        return start(self, how)

    def add(self, running: Running) -> None:
        with self._lock:
            self._running.append(running)
        if self.closed:
            self.remove(running)
            raise NotTried("the check was ended")

    def remove(self, running: Running) -> None:
        running.remove()
        with self._lock, contextlib.suppress(ValueError):
            self._running.remove(running)

    def once(self, name: str, make: Callable[[], T]) -> T:
        """What several rules look at, each in another way: made by the first of them."""
        with self._lock:
            shared = self._shared.setdefault(name, Once(make))
        return shared()  # type: ignore[return-value]  # whoever uses a name makes the same type

    # -- what is shared --

    @property
    def client(self) -> Client:
        """To the container that rules share. NotTried where it did not start."""
        return self.base().client

    def ended(self) -> str | None:
        """What became of the container that rules share, where it has ended by itself: then there will be a
        new one.

        Asked after a rule that failed: an end is seen a moment after the last answer.
        """
        with contextlib.suppress(NotTried):
            running = self.base().running
            code = running.exit_code()
            if code is None and not self.closed and self.base().ping().status is None:
                code = running.wait(self.options.settle)
            if code is not None and not self.closed:
                log = self.base().log
                self.remove(running)
                self.base = Once(self._start_base)
                return f"the container ended with exit code {code}{log.end() if log else ''}"
        return None

    def _find_image(self) -> Image:
        return self.engine.image(self.name)

    def _find_model(self) -> Path:
        """A folder for /opt/ml/model; an empty one where there is none."""
        target = self.new_folder("model")
        given = self.options.model or self._model_of_project()
        if given is not None:
            return layout.model(given, target)
        with contextlib.suppress(NotTried):
            trained = self.trained()
            if trained.exit_code == 0 and not layout.is_empty(trained.root / "model"):
                return layout.model(trained.root / "model", target)
        target.mkdir()
        return target

    def _start_base(self) -> Server:
        if self.engine_or_none is None:
            client = Client(
                Address.of(self.name), self.options.patience, self.errors, self.options.stream_seconds
            )
            seen = client.get("/ping", timeout=limits.PING_SECONDS)
            if seen.status is None:
                raise NotTried(f"nothing answers there: {seen}")
            return Server(self, How(), None, client)
        # With a model that cannot be written to, as SageMaker has it; where that fails, with one that can, so
        # that one fault does not hide all others.
        self.model_before()
        server = self.start(How())
        if server.is_ready():
            server.client.errors = self.errors
            return server
        why_not, code = server.why_not_ready, server.running.exit_code()
        self.remove(server.running)
        self.ended_with = code
        if code in NO_SUCH_COMMAND:
            raise NotTried(f"{NO_SERVE}: {why_not}")
        second = self.start(How(model_read_only=False))
        if second.is_ready():
            second.client.errors = self.errors
            return second
        self.remove(second.running)
        if self.without_model:
            raise NotTried(f"{NO_MODEL} (without it the container does not start: {why_not})")
        raise NotTried(f"the container does not start, see A9-starts: {why_not}")

    def _find_payload(self) -> Payload:
        client = self.client
        if self.options.payload is not None:
            return self.options.payload
        known = payloads.of_project(self.project) if self.project is not None else []
        for payload in [*known, *payloads.guesses()]:
            if client.post(payload.body, payload.content_type).ok:
                return payload
        if known:
            return known[0]
        why_not = "no valid payload was found: give one with --payload FILE"
        raise NotTried(f"{NO_MODEL} ({why_not})" if self.without_model else why_not)

    def _first_answer(self) -> Exchange:
        return self.answer_of(self.client, self.payload())

    def answer_of(self, client: Client, payload: Payload) -> Exchange:
        """An answer to the payload. A container that said 200 too early is given a moment: that is another
        rule's."""
        until = time.monotonic() + self.options.settle
        while True:
            answer = client.post(payload.body, payload.content_type)
            if answer.ok or answer.refused or time.monotonic() > until:
                return answer
            self._closed.wait(_AGAIN_SECONDS)

    def reference(self) -> Exchange:
        """An answer to the valid payload. NotTried where there is none."""
        answer = self.first_answer()
        if not answer.ok:
            raise NotTried(f"the payload is not answered, see A11-answers: {answer}")
        return answer

    def usual(self) -> How:
        """As the shared container was started."""
        how = self.base().how
        self.engine  # noqa: B018  # a URL has none
        return how

    def valid(self) -> Payload:
        """A payload that is answered. NotTried where there is none."""
        self.reference()
        return self.payload()

    def unchanged(self) -> Exchange | None:
        """Return the answer to the valid payload now; None if no payload is known to be valid."""
        try:
            payload = self.valid()
        except NotTried:
            return None
        return self.answer_of(self.client, payload)

    # -- training --

    def training_inputs(self) -> Path | None:
        """Return a folder of channels, or one laid out as /opt/ml/input; None if none is known."""
        if self.options.training is not None:
            return self.options.training
        if self.project is not None and (inputs := self.project / "local_test/test_dir/input").is_dir():
            return inputs
        return None

    def _train(self) -> Training:
        if self.training_inputs() is None:
            raise NotTried("no training data: give a folder with a folder per channel with --training DIR")
        return run_training(self, Work())
