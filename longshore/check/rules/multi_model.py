"""Several models in one container, where its label or its environment says so (B4)."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

from longshore.check import layout
from longshore.check.exchange import Exchange
from longshore.check.rule import Group, NotTried, Outcome, Severity, failed, not_applicable, passed, rule
from longshore.check.served import NotReady, Server
from longshore.check.session import MULTI_MODEL, Session
from longshore.engines.base import Mount

_LABEL = "com.amazonaws.sagemaker.capabilities.multi-models"
_NAME = "longshore-check"
_URL = f"/opt/ml/models/{_NAME}/model"
_ABSENT = "no-such-model"


class _Calls:
    """The container's answers to one sequence of calls, by their names."""

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
        # There is no other model: what it serves is loaded by its calls alone.
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
    """Add a rule. kept: of the exchanges those that do not keep it."""

    def check(session: Session) -> Outcome:
        if session.image().labels.get(_LABEL) != "true" and not session.several_models():
            return not_applicable(
                f"neither the label {_LABEL} nor {MULTI_MODEL} says that it holds several models"
            )
        calls = session.once("multi-model", lambda: _Calls(session))
        if calls.why_not is not None:
            return failed(calls.why_not, "Start without any model, and answer /ping with 200.")
        wrong = kept(calls.seen)
        return failed(str(wrong[0]), remedy) if wrong else passed()

    rule(id, Severity.ERROR, Group.MULTI_MODEL, title, why, needs="image", alone=True)(check)


def _lists(exchange: Exchange) -> list[tuple[str, str]] | None:
    """The names and URLs of the models in a list; None where it is none."""
    try:
        return [(model["modelName"], model["modelUrl"]) for model in json.loads(exchange.body)["models"]]
    except (ValueError, KeyError, TypeError):
        return None


_multi_model(
    "B4-list",
    "GET /models lists the models that are loaded, by name and URL",
    "SageMaker asks for it to know what it may send.",
    'Answer {"models": [{"modelName": ..., "modelUrl": ...}]}.',
    lambda seen: [
        seen[name]
        for name, models in (("empty", []), ("list", [(_NAME, _URL)]))
        if seen[name].status != 200 or _lists(seen[name]) != models
    ],
)
_multi_model(
    "B4-load",
    "POST /models loads a model",
    "It comes before the first request for that model.",
    "Load the model from the url, and answer 200 when it is loaded.",
    lambda seen: [seen[name] for name in ("load", "get") if seen[name].status != 200],
)
_multi_model(
    "B4-load-twice",
    "POST /models for a model that is loaded is 409",
    "SageMaker takes any other failure for one of the load.",
    "Answer 409.",
    lambda seen: [seen["again"]] if seen["again"].status != 409 else [],
)
_multi_model(
    "B4-invoke",
    "POST /models/NAME/invoke answers",
    "It takes the place of /invocations.",
    "Answer as /invocations would, with the model of that name.",
    lambda seen: [seen["invoke"]] if "invoke" in seen and not seen["invoke"].ok else [],
)
_multi_model(
    "B4-absent",
    "A model that is not loaded is 404",
    "That tells SageMaker to load it; any other answer goes to the caller.",
    "Answer 404 to GET, DELETE and invoke.",
    lambda seen: [
        seen[name]
        for name in ("get absent", "invoke absent", "delete absent", "get deleted")
        if seen[name].status != 404
    ],
)
_multi_model(
    "B4-unload",
    "DELETE /models/NAME unloads a model, which can be loaded again",
    "SageMaker makes room for another one, and loads this one anew when it is asked for.",
    "Free its memory, then answer 200; forget all of it, so that it may come again.",
    lambda seen: [
        seen[name]
        for name in ("delete", "load anew")
        if seen[name].status != 200 and seen["load"].status == 200
    ],
)
