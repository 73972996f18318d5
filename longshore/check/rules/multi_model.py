"""Multi-model containers (B4)."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

from longshore.check import layout
from longshore.check.exchange import Exchange
from longshore.check.rule import (
    Group,
    NotTried,
    Outcome,
    Severity,
    failed,
    not_applicable,
    not_tried,
    passed,
    rule,
)
from longshore.check.served import NotReady, Server
from longshore.check.session import MULTI_MODEL, NO_MODEL, Session
from longshore.engines.base import Mount

_LABEL = "com.amazonaws.sagemaker.capabilities.multi-models"
_NAME = "longshore-check"
_URL = f"/opt/ml/models/{_NAME}/model"
_ABSENT = "no-such-model"
_NEED_A_LOADED_MODEL = {"B4-load-twice", "B4-invoke", "B4-unload"}


class _Calls:
    """The answers to one sequence of calls, by name."""

    def __init__(self, session: Session) -> None:
        self.seen: dict[str, Exchange] = {}
        self.why_not: str | None = None
        folder = session.new_folder("models")
        (folder / _NAME).mkdir(parents=True)
        mounts = (
            Mount(folder, "/opt/ml/models"),
            Mount(session.model(), _URL, read_only=True),
        )
        (folder / _NAME / "model").mkdir()
        # No other model: all that it serves is loaded by these calls.
        nothing = session.new_folder("no-model")
        nothing.mkdir()
        layout.readable(nothing)
        how = replace(session.usual(), model=nothing, more_mounts=mounts)
        how = how.with_environment(**{MULTI_MODEL: "true"})
        try:
            with session.ready(how) as server:
                self._ask(session, server)
        except NotReady as why_not:
            self.why_not = str(why_not)

    def _ask(self, session: Session, server: Server) -> None:
        client = server.client
        wanted = {"model_name": _NAME, "url": _URL}
        load = json.dumps(wanted).encode()
        self.seen["empty"] = client.get("/models")
        self.seen["load"] = client.post(load, "application/json", path="/models")
        self.seen["again"] = client.post(load, "application/json", path="/models")
        self.seen["list"] = client.get("/models")
        self.seen["get"] = client.get(f"/models/{_NAME}")
        try:
            payload = session.payload()
            self.seen["invoke"] = client.post(
                payload.body, payload.content_type, path=f"/models/{_NAME}/invoke"
            )
        except NotTried:
            pass
        self.seen["get absent"] = client.get(f"/models/{_ABSENT}")
        self.seen["invoke absent"] = client.post(
            b"[[1]]", "application/json", path=f"/models/{_ABSENT}/invoke"
        )
        self.seen["delete absent"] = client.send("DELETE", f"/models/{_ABSENT}")
        self.seen["delete"] = client.send("DELETE", f"/models/{_NAME}")
        self.seen["get deleted"] = client.get(f"/models/{_NAME}")
        self.seen["load anew"] = client.post(load, "application/json", path="/models")


def _multi_model(
    id: str, title: str, why: str, remedy: str, kept: Callable[[dict[str, Exchange]], list[Exchange]]
) -> None:
    """Add a rule. kept: Returns those of the answers that break it."""

    def check(session: Session) -> Outcome:
        if session.image().labels.get(_LABEL) != "true" and not session.several_models():
            return not_applicable(f"neither the label {_LABEL} nor {MULTI_MODEL} is true")
        if session.without_model:
            return not_tried(NO_MODEL)
        calls = session.once("multi-model", lambda: _Calls(session))
        if calls.why_not is not None:
            return failed(calls.why_not, "Start without a model, and answer /ping with 200.")
        loaded = calls.seen["load"]
        if id in _NEED_A_LOADED_MODEL and loaded.status != 200:
            return not_tried(f"no model was loaded, see B4-load: {loaded}")
        wrong = kept(calls.seen)
        return failed(str(wrong[0]), remedy) if wrong else passed()

    rule(id, Severity.ERROR, Group.MULTI_MODEL, title, why, needs="image", alone=True)(check)


def _lists(exchange: Exchange) -> list[tuple[str, str]] | None:
    """Return the names and URLs of a list of models; None if it is malformed."""
    try:
        return [(model["modelName"], model["modelUrl"]) for model in json.loads(exchange.body)["models"]]
    except (ValueError, KeyError, TypeError):
        return None


_multi_model(
    "B4-list",
    "GET /models lists the loaded models with name and URL",
    "SageMaker reads it to know which models are loaded.",
    'Answer {"models": [{"modelName": ..., "modelUrl": ...}]}.',
    lambda seen: [
        seen[name]
        for name, models in (("empty", []), ("list", [(_NAME, _URL)]))
        if (name == "empty" or seen["load"].status == 200)
        if seen[name].status != 200 or _lists(seen[name]) != models
    ],
)
_multi_model(
    "B4-load",
    "POST /models loads a model",
    "SageMaker sends it before the first request for a model.",
    "Load the model from the folder in `url`, then answer 200.",
    lambda seen: [seen[name] for name in ("load", "get") if seen[name].status != 200],
)
_multi_model(
    "B4-load-twice",
    "POST /models for a loaded model is 409",
    "SageMaker treats any other error as a failed load.",
    "Answer 409 if the model is loaded.",
    lambda seen: [seen["again"]] if seen["again"].status != 409 else [],
)
_multi_model(
    "B4-invoke",
    "POST /models/NAME/invoke answers",
    "It replaces /invocations.",
    "Answer as /invocations would, with the named model.",
    lambda seen: [seen["invoke"]] if "invoke" in seen and not seen["invoke"].ok else [],
)
_multi_model(
    "B4-absent",
    "Requests for a model that is not loaded are 404",
    "404 makes SageMaker load the model; any other answer goes to the caller.",
    "Answer 404 to GET, DELETE and invoke for models that are not loaded.",
    lambda seen: [
        seen[name]
        for name in ("get absent", "invoke absent", "delete absent", "get deleted")
        if seen[name].status != 404
    ],
)
_multi_model(
    "B4-unload",
    "DELETE /models/NAME unloads a model, and it can be loaded again",
    "SageMaker unloads models to make room, and loads them again on demand.",
    "Free all memory of the model, then answer 200.",
    lambda seen: [
        seen[name]
        for name in ("delete", "load anew")
        if seen[name].status != 200 and seen["load"].status == 200
    ],
)
