"""How a container starts: in time, with its model, on its port (A7, A9, A17, B7)."""

from __future__ import annotations

from dataclasses import replace

from longshore import limits
from longshore.check import layout
from longshore.check.processes import listening_ports
from longshore.check.rule import (
    Group,
    NotTried,
    Outcome,
    Severity,
    failed,
    not_applicable,
    passed,
    rule,
)
from longshore.check.rules.image import BIND_TO_PORT
from longshore.check.served import Server
from longshore.check.session import Session

_SECOND_PORT = 9123  # any that is not 8080


@rule(
    "A9-starts",
    Severity.ERROR,
    Group.START,
    "`serve` answers /ping with 200 within 8 minutes",
    "Otherwise the endpoint fails: it did not pass the ping health check.",
)
def starts(session: Session) -> Outcome:
    try:
        server = session.base()
    except NotTried as why_not:
        reason = str(why_not).partition(", see A9-starts: ")[2]
        if not reason:
            raise
        return failed(reason, "See its last lines; then try it by hand: docker run IMAGE serve.")
    if server.ready_seconds is None:
        seen = server.ping()
        return passed(str(seen)) if seen.status == 200 else failed(str(seen), "Start it, or mend /ping.")
    return passed(f"after {server.ready_seconds:.2f} s")


@rule(
    "B7-starts-soon",
    Severity.WARNING,
    Group.START,
    "It is ready within 3 minutes",
    "A serverless endpoint waits no longer.",
    needs="image",
)
def starts_soon(session: Session) -> Outcome:
    seconds = session.base().ready_seconds
    if seconds is None:
        raise NotTried("needs an image or a path")
    if seconds > session.options.serverless_start_seconds:
        return failed(
            f"after {seconds:.2f} s", "Load less before the server starts, or have a smaller model."
        )
    return passed(f"after {seconds:.2f} s")


@rule(
    "A17-model-read-only",
    Severity.ERROR,
    Group.START,
    "It starts with a model folder that cannot be written to",
    "SageMaker mounts /opt/ml/model read-only.",
    needs="image",
)
def model_read_only(session: Session) -> Outcome:
    server = session.base()
    server.running  # noqa: B018  # a URL has none
    if server.how.model_read_only:
        return passed()
    return failed(
        "it starts only where /opt/ml/model can be written to",
        "Write caches elsewhere, below TMPDIR for example.",
    )


@rule(
    "A17-model-links",
    Severity.ERROR,
    Group.START,
    "The model to be served holds no symbolic links",
    "An endpoint does not start from an archive with links.",
    needs="image",
)
def model_links(session: Session) -> Outcome:
    folder = session.model()
    if layout.is_empty(folder):
        return not_applicable("there is no model")
    links = layout.links(folder)
    return failed(", ".join(links[:5]), "Copy what they lead to.") if links else passed()


@rule(
    "A7-bind-to-port",
    Severity.WARNING,
    Group.START,
    "It listens on the port in SAGEMAKER_BIND_TO_PORT",
    "Where several containers share an instance each gets a port of its own.",
    needs="image",
    alone=True,
)
def bind_to_port(session: Session) -> Outcome:
    wrong = _on_second_port(session)
    if wrong is None:
        return passed(f"with SAGEMAKER_BIND_TO_PORT={_SECOND_PORT}")
    return failed(f"SAGEMAKER_BIND_TO_PORT={_SECOND_PORT}: {wrong}", "Listen there, and on 8080 without it.")


def _on_second_port(session: Session) -> str | None:
    def ask() -> str | None:
        usual = session.usual()
        if session.on_host:
            return None  # the shared one was started so: on this machine its port is any that is free
        how = replace(usual, port=_SECOND_PORT).with_environment(
            SAGEMAKER_BIND_TO_PORT=str(_SECOND_PORT), SAGEMAKER_SAFE_PORT_RANGE="9124-9140"
        )
        with session.started(how) as server:
            # It is up as fast as the first one was, or not at all: it need not be waited for so long.
            seconds = 5 * (session.base().ready_seconds or 0) + session.options.settle
            seen = server.wait_for(lambda answer: answer.status == 200, seconds)
            return None if seen is not None else server.why_not_ready

    return session.once("second port", ask)


@rule(
    "A7-label-is-true",
    Severity.ERROR,
    Group.START,
    "What the label accept-bind-to-port claims is true",
    "SageMaker relies on it: an endpoint of several containers never becomes healthy.",
    needs="image",
    alone=True,
)
def label_is_true(session: Session) -> Outcome:
    if session.image().labels.get(BIND_TO_PORT) != "true":
        return not_applicable("the image has no such label")
    wrong = _on_second_port(session)
    return passed() if wrong is None else failed(wrong, "Listen on that port, or remove the label.")


@rule(
    "A7-no-other-port",
    Severity.WARNING,
    Group.START,
    "It listens on no other port",
    "A second port may clash with another container's; SAGEMAKER_SAFE_PORT_RANGE says which may be used.",
    needs="image",
)
def no_other_port(session: Session) -> Outcome:
    server: Server = session.base()
    found = listening_ports(server.running)
    own = server.running.address
    allowed = {limits.PORT, own[1] if own else limits.PORT}
    other = sorted(found - allowed)
    if other:
        return failed(
            f"it listens on {', '.join(map(str, other))}, too", "Use a unix socket between its processes."
        )
    return passed(f"it listens on {', '.join(map(str, sorted(found)))}")
