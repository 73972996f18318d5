"""The start: in time, with a model, on the right port (A7, A9, A17, B7)."""

from __future__ import annotations

import contextlib
from dataclasses import replace

from longshore import limits
from longshore.check import layout
from longshore.check.exchange import Exchange
from longshore.check.processes import listening_ports
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
from longshore.check.rules.image import BIND_TO_PORT
from longshore.check.served import Server
from longshore.check.session import Session
from longshore.check.starts import serves, starts_again

_NO_LINKS = "Store the files instead of the links: tar -czhf model.tar.gz -C DIR ."
_SECOND_PORT = 9123  # any that is not 8080


@rule(
    "A9-starts",
    Severity.ERROR,
    Group.START,
    "`serve` answers /ping with 200 within 8 minutes",
    'The endpoint fails otherwise: "did not pass the ping health check".',
)
def starts(session: Session) -> Outcome:
    try:
        server = session.base()
    except NotTried as why_not:
        reason = str(why_not).partition(", see A9-starts: ")[2]
        if not reason:
            raise
        return failed(reason, _starts_remedy(session))
    if server.ready_seconds is None:
        seen = server.ping()
        return passed(str(seen)) if seen.status == 200 else failed(str(seen), "Answer GET /ping with 200.")
    return passed(f"after {server.ready_seconds:.2f} s")


def _starts_remedy(session: Session) -> str:
    by_hand = f"docker run --rm -v MODEL:/opt/ml/model:ro {session.name} serve"
    if session.on_host:
        by_hand = "local_test/serve_local.sh" if session.built_with_longshore else "serve, with ML_ROOT set"
    return f"Read its last lines, and start it by hand: {by_hand}. Set variables that it needs with --env."


@rule(
    "B7-starts-soon",
    Severity.WARNING,
    Group.START,
    "It is ready within 3 minutes",
    "A serverless endpoint waits no longer than that.",
    needs="image",
)
def starts_soon(session: Session) -> Outcome:
    seconds = session.base().ready_seconds
    if seconds is None:
        raise NotTried("needs an image or a path")
    if seconds > session.options.serverless_start_seconds:
        return failed(f"after {seconds:.2f} s", "Load less before the server starts, or use a smaller model.")
    return passed(f"after {seconds:.2f} s")


@rule(
    "A17-model-read-only",
    Severity.ERROR,
    Group.START,
    "It starts with a read-only model folder",
    "SageMaker mounts /opt/ml/model read-only.",
    needs="image",
)
def model_read_only(session: Session) -> Outcome:
    server = session.base()
    server.running  # noqa: B018  # a URL has none
    if server.how.model_read_only:
        return passed()
    if serves(session, replace(server.how, model_read_only=True)) is None:
        return not_tried("it did not start once with a read-only /opt/ml/model, and then it did")
    return failed(
        "it starts only if /opt/ml/model is writable",
        "Write to /tmp or TMPDIR instead of /opt/ml/model.",
    )


@rule(
    "A17-model-links",
    Severity.ERROR,
    Group.START,
    "The model to serve holds no symbolic links",
    "An endpoint does not start from an archive with links.",
    needs="image",
)
def model_links(session: Session) -> Outcome:
    folder = session.model()
    if layout.is_empty(folder):
        return not_applicable("there is no model")
    links = layout.links(folder)
    if not links:
        return passed()
    given = session.options.model
    if given is not None and given.is_file():
        return failed(", ".join(links[:5]), _NO_LINKS)
    # A folder becomes an archive only later, and `tar -h` stores files instead of links.
    return failed(", ".join(links[:5]), _NO_LINKS, Severity.WARNING)


@rule(
    "A7-bind-to-port",
    Severity.WARNING,
    Group.START,
    "It listens on the port in SAGEMAKER_BIND_TO_PORT",
    "Containers that share an instance each get a port of their own.",
    needs="image",
    alone=True,
)
def bind_to_port(session: Session) -> Outcome:
    wrong = _on_second_port(session)
    if wrong is None:
        return passed(f"with SAGEMAKER_BIND_TO_PORT={_SECOND_PORT}")
    return failed(
        f"SAGEMAKER_BIND_TO_PORT={_SECOND_PORT}: {wrong}",
        "Listen on the port in SAGEMAKER_BIND_TO_PORT, or on 8080 if it is not set.",
    )


def _is_well(answer: Exchange) -> bool:
    return answer.status == 200


def _on_second_port(session: Session) -> str | None:
    def ask() -> str | None:
        usual = session.usual()
        if session.on_host:
            return None  # the shared one was started so: on this machine its port is any that is free
        how = replace(usual, port=_SECOND_PORT).with_environment(
            SAGEMAKER_BIND_TO_PORT=str(_SECOND_PORT), SAGEMAKER_SAFE_PORT_RANGE="9124-9140"
        )
        with session.started(how) as server:
            # As fast as the first one, or not at all, unless it is still busy starting.
            seconds = 2 * (session.base().ready_seconds or 0) + session.options.settle
            if server.wait_for(_is_well, seconds) is not None:
                return None
            ports: set[int] = set()
            with contextlib.suppress(NotTried):
                ports = listening_ports(server.running)
            if ports and _SECOND_PORT not in ports:
                return f"it listens on {', '.join(map(str, sorted(ports)))}; {server.why_not_ready}"
            if server.wait_for(_is_well, session.options.start_seconds) is not None:
                return None
            if wrong := starts_again(session):
                raise NotTried(f"a second container does not start, with nothing changed either: {wrong}")
            return server.why_not_ready

    return session.once("second port", ask)


@rule(
    "A7-label-is-true",
    Severity.ERROR,
    Group.START,
    "With the label accept-bind-to-port it listens on the port in SAGEMAKER_BIND_TO_PORT",
    "SageMaker relies on the label: an endpoint with several containers never becomes healthy.",
    needs="image",
    alone=True,
    not_on_host="a checkout has no labels",
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
    "It may collide with another container's port; SAGEMAKER_SAFE_PORT_RANGE has the ports to use.",
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
            f"it also listens on {', '.join(map(str, other))}", "Use Unix sockets between the processes."
        )
    return passed(f"it listens on {', '.join(map(str, sorted(found)))}")
